"""What the site needs beyond the pages of docs/: files that they link to from outside of it, and the changelog."""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
CHANGELOG = ROOT / "CHANGELOG.md"

_LINK = re.compile(r"\]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """A page for each file outside of docs/ that a page links to, and one for the changelog."""
    for source in sorted({found for file in DOCS.rglob("*.md") for found in _outside(file.read_text(), _at(file))}):
        files.append(File.generated(config, f"{_page_of(source)}.md", content=_listing(source)))
    files.append(File.generated(config, "changelog.md", content=CHANGELOG.read_text()))
    return files


def on_page_markdown(markdown: str, *, page: Page, **_: object) -> str:
    """Links out of docs/ lead to those pages."""
    here = posixpath.dirname(page.file.src_uri)

    def inside(link: re.Match[str]) -> str:
        target = _target(link[1], here)
        if target is None:
            return link[0]
        return f"]({posixpath.relpath(_page_of(target), here or '.')}.md)"

    return _LINK.sub(inside, markdown)


def _outside(text: str, here: str) -> set[str]:
    return {target for link in _LINK.finditer(text) if (target := _target(link[1], here)) is not None}


def _target(link: str, here: str) -> str | None:
    """The path from the root that ``link`` leads to, if that is a file outside of docs/."""
    path = posixpath.normpath(posixpath.join("docs", here, link))
    if (ROOT / path / "README.md").is_file():
        path = f"{path}/README.md"
    return None if path.startswith("docs/") or not (ROOT / path).is_file() else path


def _at(file: Path) -> str:
    return posixpath.dirname(file.relative_to(DOCS).as_posix())


def _page_of(source: str) -> str:
    return f"source/{source}"


def _listing(source: str) -> str:
    path = ROOT / source
    if path.suffix == ".md":
        return path.read_text()
    language = {".py": "python", ".rb": "ruby", ".mjs": "js", ".js": "js", ".ts": "ts", ".yaml": "yaml"}.get(
        path.suffix, ""
    )
    return f"# {path.name}\n\n`{source}`\n\n````{language}\n{path.read_text()}````\n"
