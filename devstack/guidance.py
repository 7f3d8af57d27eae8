"""What to type once a stack is up: lines that work as they stand."""

import shlex
from pathlib import Path

from devstack.layout import ROOT, Layout
from devstack.stack import Stack


def environment(stack: Stack) -> str:
    """The stack's whereabouts for a shell."""
    values = {
        # Without a prefix: it is no setting of the library, which warns of any SOJOURN_ variable that is none.
        "API_URL": stack.api_url,
        "SOJOURN_TABLE": stack.table,
        "SOJOURN_BUCKET": stack.bucket,
        "AWS_ENDPOINT_URL": stack.endpoint_url,
        "AWS_REGION": stack.region,
        "AWS_DEFAULT_REGION": stack.region,
        "AWS_ACCESS_KEY_ID": stack.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": stack.credentials.secret_access_key,
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())


def guidance(stack: Stack, layout: Layout) -> str:
    """What ``make up`` prints last."""
    folder = _shown(layout.local)
    shop = f"# the shop is open\n  {layout.shop_file.read_text()}\n\n  " if layout.shop_file.exists() else ""
    return _TEXT.format(
        shop=shop,
        endpoint=stack.endpoint_url,
        env=_shown(layout.environment_file),
        region=stack.region,
        python=f"{_shown(ROOT / '.venv')}/bin/python",
        down="make down" if folder == ".local" else f"make down LOCAL={folder}",
    )


_TEXT = """
Sojourn is up at {endpoint}. Type, from this folder:

  . {env}

  # create a session, and keep its token
  TOKEN=$(curl -s --aws-sigv4 aws:amz:{region}:execute-api --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
    -H 'Content-Type: application/json' -d '{{"data": {{"cart": ["teapot"]}}, "subject": "user-42"}}' \\
    "$API_URL/sessions" | sed -E 's/.*"token": ?"([^"]+)".*/\\1/')

  # read it
  curl -s --aws-sigv4 aws:amz:{region}:execute-api --user "$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY" \\
    -H "Session-Token: $TOKEN" "$API_URL/session"; echo

  # read the same session with the library
  {python} -c 'import sys, sojourn; print(dict(sojourn.open_store().read(sys.argv[1])))' "$TOKEN"

  {shop}# compare the whole stack with the documentation: half a minute
  make verify

  # end it, with everything in it
  {down}
"""


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
