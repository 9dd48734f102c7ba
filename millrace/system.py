"""A system, declared: what is asked, what decides, what watches, when it learns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.errors import DeclarationError, brief
from millrace.schema import Entity, Request
from millrace.training.declare import Retrain


@dataclass(frozen=True, eq=False, init=False)
class System:
    """A complete ML system. One module declares one.

    Args:
        request: The Request class it answers.
        policy: What answers.
        candidate: The Entity class it chooses among; None when the request itself is the one candidate.
        monitors: What watches it: `Drift`, `Calibration`, `Freshness`, `drop(...)`.
        retrain: When its models are trained anew; None never trains by itself.
    """

    request: Any
    policy: Any
    candidate: Any
    monitors: tuple[Any, ...]
    retrain: Retrain | None

    def __init__(
        self,
        request: Any,
        *,
        policy: Any,
        candidate: Any = None,
        monitors: Any = (),
        retrain: Retrain | None = None,
    ) -> None:
        if not (isinstance(request, type) and issubclass(request, Request)):
            raise DeclarationError(f"System({brief(request)}): not a Request class; declare what is asked with class Ask(Request)")
        if candidate is not None and not (isinstance(candidate, type) and issubclass(candidate, Entity)):
            raise DeclarationError(f"System(candidate={brief(candidate)}): not an Entity class; name the class of what it chooses among")
        if not hasattr(policy, "decide") or isinstance(policy, type):
            raise DeclarationError(f"System(policy={brief(policy)}): not a policy; use a Pipeline, or what wraps one")
        if retrain is not None and not isinstance(retrain, Retrain):
            raise DeclarationError(f"System(retrain={brief(retrain)}): not a schedule; use Retrain(every=...)")
        watching = tuple(monitors) if isinstance(monitors, list | tuple) else (monitors,)
        settings = {"request": request, "policy": policy, "candidate": candidate, "monitors": watching, "retrain": retrain}
        for name, value in settings.items():
            object.__setattr__(self, name, value)
