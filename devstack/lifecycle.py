"""A stack's life on this machine: up, down, and up again. Says in which order; others know how."""

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from devstack import deployment, emulator
from devstack.guidance import environment
from devstack.layout import Layout
from devstack.progress import Progress, shown, silent
from devstack.repairs import repair
from devstack.stack import Stack
from devstack.trial import try_once


def bring_up(layout: Layout, *, overrides: Mapping[str, str] | None = None, progress: Progress = shown) -> Stack:
    """A running stack that has been tried. What runs already and has not changed is left alone.

    The emulator ends with this process, unless ``emulator.keep`` is called; at once where the stack does not come up.
    """
    if emulator.is_running(layout):
        return _bring_up_to_date(layout, overrides=overrides or {}, progress=progress)
    emulator.demand_startable(layout)
    try:
        with progress(f"starting MiniStack on port {layout.port}"):
            _forget(layout)
            emulator.start(layout, authorize=True)
        return _bring_up_to_date(layout, overrides=overrides or {}, progress=progress)
    except BaseException:
        take_down(layout)
        raise


def _bring_up_to_date(layout: Layout, *, overrides: Mapping[str, str], progress: Progress) -> Stack:
    if _deployed(layout) != deployment.fingerprint(overrides):
        _deploy(layout, overrides=overrides, progress=progress)
    stack = Stack.load(layout.stack_file)
    with progress("trying it: create, read and expire a session"):
        try_once(stack)
    return stack


def take_down(layout: Layout) -> bool:
    """End the stack with everything in it. False: there was none."""
    was_running = emulator.stop(layout)
    _forget(layout)
    return was_running


@contextmanager
def temporary_stack(layout: Layout, *, overrides: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """A stack for the length of a ``with`` block; afterwards nothing of it is left."""
    try:
        yield bring_up(layout, overrides=overrides, progress=silent)
    finally:
        take_down(layout)
        shutil.rmtree(layout.local, ignore_errors=True)


def _deploy(layout: Layout, *, overrides: Mapping[str, str], progress: Progress) -> None:
    # Taken before the build: what is edited meanwhile is deployed next time.
    fingerprint = deployment.fingerprint(overrides)
    with progress("sam build"):
        deployment.build(layout)
    with progress("sam deploy"):
        deployment.deploy(layout, overrides=overrides)
        stack = deployment.describe(layout)
    with progress("mending what the emulator drops"):
        repair(stack)
    stack.save(layout.stack_file)
    layout.environment_file.write_text(environment(stack))
    (layout.local / "deployed").write_text(fingerprint)


def _deployed(layout: Layout) -> str | None:
    """The fingerprint of what this emulator holds."""
    file = layout.local / "deployed"
    return file.read_text() if file.exists() else None


def _forget(layout: Layout) -> None:
    """Remove what described a stack that is gone; what was built stays, to be quicker next time."""
    for name in ("deployed", "stack.json", "env", "shop"):
        (layout.local / name).unlink(missing_ok=True)
