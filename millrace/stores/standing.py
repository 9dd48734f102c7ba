"""Where a system stands: which release is champion, and which candidate is being rolled out beside it.

Public: `Standing`, `Rollout`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from millrace.errors import BadInput


class Rollout(msgspec.Struct, frozen=True, kw_only=True):
    """How far a candidate release has come.

    Attributes:
        release: The candidate.
        step: Which step of its plan it is at, from 0.
        share: The share of requests it answers, in [0, 1]; 0 while it only shadows.
        started: When this step began, microseconds since 1970 UTC.
        data: What the controller wants to find again after a restart.
    """

    release: str
    step: int
    share: float
    started: int
    data: dict[str, Any] = {}


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """A system's standing, and the change that brought it there. Standings are appended, so they are their own history.

    Attributes:
        system: The system.
        revision: How many changes there have been; 0 before the first.
        champion: The release that serves, None before any was promoted.
        rollout: The candidate under way, if there is one.
        action: `roll out`, `promote`, `update`, `withdraw` or `roll back`; "" before the first change.
        at: When it was changed, microseconds since 1970 UTC.
        who: Who changed it.
        why: The reason given.
    """

    system: str
    revision: int = 0
    champion: str | None = None
    rollout: Rollout | None = None
    action: str = ""
    at: int = 0
    who: str = ""
    why: str = ""

    @property
    def candidate(self) -> str | None:
        """The release being rolled out, if there is one."""
        return self.rollout.release if self.rollout else None


def sound(rollout: Rollout) -> None:
    """Refuse a rollout that no candidate can be in.

    Raises:
        BadInput: Its share is not in [0, 1], or its step is negative.
    """
    if not 0 <= rollout.share <= 1:
        raise BadInput(f"a candidate cannot answer {rollout.share} of the requests: give a share in [0, 1]", field="share")
    if rollout.step < 0:
        raise BadInput(f"a rollout has no step {rollout.step}: steps count from 0", field="step")


def champions(history: Iterable[Standing]) -> list[str]:
    """Return the champions that can be rolled back through, the present one last.

    A champion that was rolled back is not among them: going back twice leads to two releases ago, not to the one just left. Nor is one
    that was updated since: what stands for it is the update.
    """
    stack: list[str] = []
    for standing in history:
        if standing.action == "promote" and standing.champion is not None:
            stack.append(standing.champion)
        elif standing.action == "update" and standing.champion is not None:
            stack[-1:] = [standing.champion]
        elif standing.action == "roll back":
            stack.pop()
    return stack
