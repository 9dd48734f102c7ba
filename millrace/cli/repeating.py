"""A step that is repeated in a thread, for as long as something else runs."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

log = logging.getLogger("millrace.operate")

_PATIENCE_S = 10.0
"""How long a step under way may go on after it was told to end, in seconds."""


@contextmanager
def repeating(seconds: float, name: str, step: Callable[[], list[str]]) -> Iterator[None]:
    """Call a step every so many seconds, in a thread, while the block runs, and log what it says it did.

    What it raises is logged, and it is called again: an operator that fails once must not leave a system unwatched.
    """
    ended = threading.Event()

    def work() -> None:
        while not ended.wait(seconds):
            try:
                for said in step():
                    log.info("%s", said)
            except Exception:
                if not ended.is_set():  # what it stood on is closed by now
                    log.exception("the %s failed; it is tried again in %g s", name, seconds)

    thread = threading.Thread(target=work, name=f"millrace-{name}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_PATIENCE_S)
