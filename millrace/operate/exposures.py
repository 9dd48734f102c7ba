"""Who was exposed to which arm of an experiment, and when first: read from what was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np

from millrace.errors import NotFound
from millrace.experiments.reasons import Caution
from millrace.experiments.units import one_arm_each
from millrace.loaded import Loaded
from millrace.operate.history import LogHistory
from millrace.policy.assignment import OVERRIDE, units_of
from millrace.policy.wrappers import Experiment
from millrace.serve.release import SHADOWED
from millrace.types import Array, Columns, objects, size, take

T = TypeVar("T")

_ROLLOUT = ("champion", "canary", "alone", SHADOWED)
"""What a rollout records before the arm of what it wraps."""


class Exposures(NamedTuple):
    """The units of an experiment.

    Attributes:
        units: A row per unit, in the order of their ids: `unit`, `arm`, `share` (the chance of the arm), and of the first decision on it
            `first` (when it was asked, microseconds), `id` and `watermark`.
        mixed: How many units were seen in two arms; they are left out.
        cautions: What must be known of that.
    """

    units: Columns
    mixed: int
    cautions: tuple[Caution, ...]


def exposures(loaded: Loaded, history: LogHistory, experiment: Experiment, since: int, until: int, *, alike: bool = False) -> Exposures:
    """Return who was exposed to the arms of an experiment.

    Every decision counts, also one that repeats an earlier answer or was made blind: the unit met its arm. What was decided outside
    the arms (outside, holdout, everyone) is passed over; a unit that was ever put into an arm by name is left out as a whole.

    Args:
        loaded: The system.
        history: Its log, as training reads it.
        experiment: The experiment.
        since: Decisions asked from this instant on, microseconds.
        until: What was known before this instant, microseconds.
        alike: Take all units for those of one arm, "all", whatever decided about them: to plan from.

    Raises:
        Refused: More units than one in a thousand were seen in two arms.
    """
    rows = decided(loaded, history, experiment, since, until)
    if alike:
        allotted = experiment.assignment.placed
        rows = take(rows, np.array([not allotted or one in allotted for one in rows["unit"].tolist()], dtype=bool))
        rows["arm"] = objects(["all"] * size(rows))
    else:
        labels = _Labels(loaded.system.policy, experiment)
        rows["arm"] = objects(labels.of(one) for one in rows["arm"].tolist())
        named = np.array([one.startswith(f"{OVERRIDE}/") for one in rows["arm"].tolist()], dtype=bool)
        in_arm = np.isin(rows["arm"].astype(str), list(experiment.assignment.arms))
        rows = take(rows, in_arm & ~np.isin(rows["unit"].astype(str), rows["unit"][named].astype(str)))
    if not size(rows):
        return Exposures(_first(rows), 0, ())
    once = one_arm_each(rows["unit"].astype(str), rows["arm"].astype(str), "drop")
    return Exposures(_first(take(rows, once.keep)), once.mixed, once.cautions)


def decided(loaded: Loaded, history: LogHistory, experiment: Experiment, since: int, until: int) -> dict[str, Array]:
    """Return a row per decision asked in [since, until) and known before: `id`, `at`, `watermark`, `arm`, `share`, `unit`, by instant.

    Decisions on requests that were forgotten are left out.
    """
    made = history.made(since, until)
    made = take(made, made["at"] >= since)
    asked = history.events(loaded.system.request, until)
    placed = dict(zip(asked["id"].tolist(), range(size(asked)), strict=True))
    place = np.array([placed.get(one, -1) for one in made["id"].tolist()], dtype=np.int64)
    rows = {name: made[name] for name in ("id", "arm", "at", "watermark")} | {"share": made["arm_share"]}
    found = {**take(rows, place >= 0), "unit": units_text(experiment, take(asked, place[place >= 0]))}
    return take(found, np.argsort(found["at"], kind="stable"))


def units_text(experiment: Experiment, requests: Columns) -> Array:
    """Return the unit of each request, as text. Shape (requests,)."""
    return objects(str(one) for one in units_of(experiment.unit, requests).tolist())


def _first(rows: Columns) -> dict[str, Array]:
    """Return the first row of each unit, given them by instant."""
    _, first = np.unique(rows["unit"].astype(str), return_index=True)
    found = take(rows, first)
    return {"first": found.pop("at"), **found}


class _Labels:
    """Finds an experiment's own label in what a decision recorded, wherever the experiment stands within the policy."""

    def __init__(self, policy: Any, experiment: Experiment) -> None:
        self._policy, self._experiment = policy, experiment
        self._known: dict[str, str] = {}

    def of(self, recorded: str) -> str:
        """Return the label; "" where the decision was made outside the experiment."""
        if recorded not in self._known:
            head, _, rest = recorded.partition("/")
            inner = _label(self._policy, self._experiment, rest) if head in _ROLLOUT and rest else ""
            self._known[recorded] = inner or _label(self._policy, self._experiment, recorded)
        return self._known[recorded]


def _label(policy: Any, experiment: Experiment, recorded: str) -> str:
    if isinstance(policy, Experiment):
        for position, label in enumerate(policy.assignment.labels):
            if recorded == label or recorded.startswith(f"{label}/"):
                if policy is experiment:
                    return label
                arm = policy.arms[policy.assignment.answers(position)][1]
                return _label(arm, experiment, recorded[len(label) + 1 :])
        return ""
    parts = [value for value in vars(policy).values() if hasattr(value, "decide") and not isinstance(value, type)]
    return next((found for part in parts if (found := _label(part, experiment, recorded))), "")


def experiment_of(loaded: Loaded, name: str = "") -> tuple[str, Experiment]:
    """Return an experiment of a system and its name, the only one if none is named.

    Raises:
        NotFound: There is none, none of that name, or several of which none is named.
    """
    return named(loaded, {loaded.name_of(one): one for one in loaded.of(Experiment)}, name)


def named(loaded: Loaded, found: Mapping[str, T], name: str) -> tuple[str, T]:
    """Return one of a system's experiments, by name, and its name; the only one if none is named.

    Raises:
        NotFound: There is none, none of that name, or several of which none is named.
    """
    if not found:
        raise NotFound(f"{loaded.name} declares no Experiment(...): there is nothing to read")
    if name and name not in found:
        raise NotFound(f"{loaded.name} has no experiment {name!r}: use one of {', '.join(found)}")
    if not name and len(found) > 1:
        raise NotFound(f"{loaded.name} has {len(found)} experiments: name one of {', '.join(found)}")
    return (name, found[name]) if name else next(iter(found.items()))
