"""When to retrain and what a new version must prove, as declared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from millrace.errors import DeclarationError
from millrace.types import micros


@dataclass(frozen=True)
class NotWorse:
    """A challenger passes when its metric, on the same later rows as the champion's, is not worse by more than a margin.

    Attributes:
        metric: Its name, such as "ndcg@10" or "pr_auc".
        margin: The loss that is tolerated, in the metric's unit.
    """

    metric: str
    margin: float = 0.0

    def __post_init__(self) -> None:
        if self.margin < 0:
            raise DeclarationError(f"NotWorse(margin={self.margin!r}): a margin is 0 or more")


@dataclass(frozen=True, eq=False, init=False)
class Retrain:
    """When models are trained anew, what they must prove, and how they go out.

    Args:
        every: The schedule, such as "1d"; None trains only on alerts.
        on: Monitors that trigger a training: `Drift`, `Calibration` (the classes) or `drop("auc", 0.05)`.
        gate: What the challenger must prove against the champion.
        rollout: How a release that passed goes out, such as `Canary("10%", "100%")`; None promotes at once.
        history: How far back examples are taken.
        rest: The least time between two trainings, so that an alarm that stays on does not train without end.
        warmup: How much must have been logged, beyond the outcomes' own windows, before the first training.
    """

    every: str | None
    on: tuple[Any, ...]
    gate: NotWorse
    rollout: Any
    history: str
    rest: str
    warmup: str

    def __init__(
        self,
        *,
        every: str | None = "1d",
        on: Any = (),
        gate: NotWorse | None = None,
        rollout: Any = None,
        history: str = "60d",
        rest: str = "6h",
        warmup: str = "1d",
    ) -> None:
        for length in (every, history, rest, warmup):
            if length is not None:
                micros(length)
        if gate is not None and not isinstance(gate, NotWorse):
            raise DeclarationError(f"Retrain(gate={gate!r}): not a gate; use NotWorse(metric)")
        if rollout is not None and not hasattr(rollout, "steps"):
            raise DeclarationError(f'Retrain(rollout={rollout!r}): not a rollout; use Canary("10%", "100%")')
        triggers = tuple(on) if isinstance(on, list | tuple) else (on,)
        if every is None and not triggers:
            raise DeclarationError("Retrain(every=None): it would never train; give a schedule or a monitor in on=")
        settings = {"every": every, "on": triggers, "gate": gate or NotWorse("auc"), "rollout": rollout, "history": history}
        settings |= {"rest": rest, "warmup": warmup}
        for name, value in settings.items():
            object.__setattr__(self, name, value)
