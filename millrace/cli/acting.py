"""Who acts at the command line: what the audit names beside what was done, and why."""

from __future__ import annotations

import getpass

from millrace.serve.clock import wall
from millrace.stores.audit import Change


def person() -> str:
    """Return who runs the command, for the audit; only where from, for an account without a name, as in some containers."""
    try:
        return f"{getpass.getuser()} at the command line"
    except (KeyError, OSError):
        return "command line"


def by_hand(why: str) -> Change:
    """Return the change that a person makes now."""
    return Change(wall(), person(), why)
