"""Every metric by the name that gates, monitors and reports use: `metric("ndcg@10")`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from millrace.errors import BadInput, NotFound
from millrace.evaluation import calibration, catalogue, classification, ranking, regression
from millrace.evaluation.per_decision import PerDecision

SCORED = ("score", "label")
RANKED = ("score", "label", "group")


@dataclass(frozen=True)
class Metric:
    """A measure of how good something is, and how to compute it.

    Attributes:
        name: As written in gates and reports, such as "ndcg@10".
        larger_is_better: Whether more of it is better; of an error less is.
        needs: The columns it is computed from, in the order of the function's arguments.
        function: Returns its value, or the values of the single decisions where it is their mean.
    """

    name: str
    larger_is_better: bool
    needs: tuple[str, ...]
    function: Callable[..., float | PerDecision]

    @property
    def is_per_decision(self) -> bool:
        """Whether it is a mean over decisions, so that rows have no weights of their own."""
        return "group" in self.needs

    def of(self, rows: Mapping[str, Any]) -> float:
        """Return its value on some rows; NaN where it says nothing, such as an AUC without negatives.

        Args:
            rows: The columns it `needs`, by name. A `weight` is used by every metric of scores that is not a mean over decisions.

        Raises:
            BadInput: A column it needs is absent, or holds what it should not.
        """
        missing = [name for name in self.needs if name not in rows]
        if missing:
            raise BadInput(f"{self.name} is computed from {', '.join(self.needs)}: pass {' and '.join(missing)}", field=missing[0])
        extra = {"weight": rows["weight"]} if self.needs == SCORED and "weight" in rows else {}
        found = self.function(*(rows[name] for name in self.needs), **extra)
        return found.value if isinstance(found, PerDecision) else found


@dataclass(frozen=True)
class _Family:
    """Metrics that differ in one setting, written after an @.

    Attributes:
        setting: The function's keyword; "" when it has none.
        example: A value of the setting, for messages; "" when it can be left out.
    """

    larger_is_better: bool
    needs: tuple[str, ...]
    function: Callable[..., float | PerDecision]
    setting: str = ""
    example: str = ""


def _accuracy(score: Any, label: Any, weight: Any = None, *, threshold: float = 0.5) -> float:
    return classification.confusion(score, label, weight, threshold=threshold).accuracy


def _f1(score: Any, label: Any, weight: Any = None, *, threshold: float = 0.5) -> float:
    return classification.confusion(score, label, weight, threshold=threshold).f1


_FAMILIES: Mapping[str, _Family] = {
    "auc": _Family(True, SCORED, classification.auc),
    "pr_auc": _Family(True, SCORED, classification.pr_auc),
    "log_loss": _Family(False, SCORED, classification.log_loss),
    "brier": _Family(False, SCORED, classification.brier),
    "accuracy": _Family(True, SCORED, _accuracy, "threshold"),
    "f1": _Family(True, SCORED, _f1, "threshold"),
    "calibration_error": _Family(False, SCORED, calibration.calibration_error),
    "ece": _Family(False, SCORED, calibration.expected_calibration_error),
    "mae": _Family(False, SCORED, regression.mae),
    "rmse": _Family(False, SCORED, regression.rmse),
    "r2": _Family(True, SCORED, regression.r2),
    "mape": _Family(False, SCORED, regression.mape),
    "smape": _Family(False, SCORED, regression.smape),
    "wape": _Family(False, SCORED, regression.wape),
    "pinball": _Family(False, SCORED, regression.pinball, "quantile", "0.9"),
    "ndcg": _Family(True, RANKED, ranking.ndcg, "k"),
    "mrr": _Family(True, RANKED, ranking.mrr, "k"),
    "map": _Family(True, RANKED, ranking.mean_average_precision, "k"),
    "recall": _Family(True, RANKED, ranking.recall, "k", "20"),
    "precision": _Family(True, RANKED, ranking.precision, "k", "10"),
    "hit": _Family(True, RANKED, ranking.hit_rate, "k", "10"),
    "coverage": _Family(True, ("shown", "candidates"), catalogue.coverage),
    "diversity": _Family(True, ("category", "group"), catalogue.diversity),
    "embedding_diversity": _Family(True, ("embedding", "group"), catalogue.embedding_diversity),
    "novelty": _Family(True, ("popularity",), catalogue.novelty),
    "gini": _Family(False, ("exposure",), catalogue.gini),
    "entropy": _Family(True, ("exposure",), catalogue.entropy),
}


def metric(name: str) -> Metric:
    """Return the metric of a name: `"auc"`, `"ndcg@10"` (the first ten places), `"f1@0.3"` (a threshold), `"pinball@0.9"` (a quantile).

    Raises:
        NotFound: There is none of that name; the message lists what there is.

    >>> metric("ndcg@10").larger_is_better
    True
    """
    base, at, setting = name.partition("@") if isinstance(name, str) else (name, "", "")
    family = _FAMILIES.get(base)
    if family is None:
        raise NotFound(f"there is no metric {name!r}: use one of {', '.join(names())}")
    if not at and not family.example:
        return Metric(name, family.larger_is_better, family.needs, family.function)
    if not family.setting:
        raise NotFound(f"there is no metric {name!r}: {base} takes nothing after its name; write {base!r}")
    keywords = {family.setting: _parsed(name, setting, family)}
    return Metric(name, family.larger_is_better, family.needs, partial(family.function, **keywords))


def names() -> list[str]:
    """Return how each metric is written; [@k] and [@threshold] may be left out.

    >>> names()[:3]
    ['auc', 'pr_auc', 'log_loss']
    """
    optional = {base: f"[@{family.setting}]" if family.setting else "" for base, family in _FAMILIES.items()}
    return [f"{base}@{family.example}" if family.example else base + optional[base] for base, family in _FAMILIES.items()]


def _parsed(name: str, setting: str, family: _Family) -> float:
    base = name.partition("@")[0]
    if family.setting == "k":
        if setting.isascii() and setting.isdigit() and int(setting) > 0:
            return int(setting)
        raise NotFound(f"there is no metric {name!r}: write how many places count, such as {base}@{family.example or 10}")
    try:
        value = float(setting)
    except ValueError:
        value = float("nan")
    if 0 < value < 1:
        return value
    raise NotFound(f"there is no metric {name!r}: write a {family.setting} between 0 and 1, such as {base}@{family.example or 0.5}")
