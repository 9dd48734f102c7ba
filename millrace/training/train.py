"""Train a challenger, judge it on later rows beside the champion, and learn its thresholds there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace.decision import Scorer
from millrace.errors import TrainingError
from millrace.evaluation.compare import compare
from millrace.evaluation.metrics import metric
from millrace.models.declare import Model, Pairs
from millrace.models.learner import Examples
from millrace.training.declare import NotWorse
from millrace.training.examples import Material
from millrace.training.retrieval import hits
from millrace.training.split import Split, temporal
from millrace.types import Array, size

_RECALL_AT = 100
_LEAST_NEW = 500
_METRICS = ("auc", "pr_auc", "log_loss", "calibration_error", "ndcg@10")


@dataclass(frozen=True)
class Verdict:
    """What the gate says of a challenger.

    Attributes:
        passed: Whether it may go out.
        reason: Why, in a sentence.
        metric: What was compared.
        champion: The champion's value on the later rows; NaN when there is none yet.
        challenger: The challenger's value on the same rows.
        low: The lower end of the 95 % interval of the difference.
        high: The upper end.
    """

    passed: bool
    reason: str
    metric: str
    champion: float
    challenger: float
    low: float = float("nan")
    high: float = float("nan")


@dataclass(frozen=True)
class Challenger:
    """A trained version and all that was learned about it.

    Attributes:
        version: Fitted on every labelled row once it had passed, else on what was known before the split.
        verdict: The gate's.
        metrics: By `metric of outcome`, on the later rows.
        split: Where earlier ends and later begins.
        rows: How many examples it was fitted on.
        positives: By outcome, how many of them were positive.
        later: The later rows, each counting for all like it, and the challenger's scores on them (heads by outcome), for thresholds.
    """

    version: Any
    verdict: Verdict
    metrics: Mapping[str, float]
    split: Split
    rows: int
    positives: Mapping[str, float]
    later: tuple[Examples, Mapping[str, Array]] = field(repr=False)


@dataclass(frozen=True)
class Champion:
    """The version in service.

    Attributes:
        version: Itself.
        learned_until: What was known before this instant it has learned from, microseconds: it is judged on what was not.
    """

    version: Scorer
    learned_until: int


def train(material: Material, horizon: int, gate: NotWorse, seed: int, champion: Champion | None = None) -> Challenger:
    """Fit a challenger on what was known earlier, judge it on what became known later, and, if it passes, fit it again on all.

    Args:
        material: Where examples come from.
        horizon: Until when outcomes are known, microseconds.
        gate: What it must prove.
        seed: Of the learner.
        champion: The version in service, if any.

    Raises:
        TrainingError: The log holds too little to learn from or to judge on.
    """
    closed = material.closed(horizon)
    split = _split(closed[closed < horizon], horizon, champion)
    earlier = material.examples(split.earlier(closed), split.at)
    later = material.examples(split.later(closed), horizon, material.stands_for())
    version = material.model.learner.fit(earlier, seed)
    if isinstance(material.model.examples, Pairs):
        verdict, metrics, scores = _judge_recall(version, champion, later, gate), {}, {}
        metrics = {verdict.metric: verdict.challenger}
    else:
        scores = version.score(later.rows)
        metrics = measure(material.model, later, scores)
        verdict = judge(material.model, champion, later, scores, gate, seed)
    fitted = earlier
    if verdict.passed:
        # What passed is the recipe: fitted again with the newest rows, which the gate had to hold back.
        fitted = material.examples(np.ones(size(material.rows), dtype=bool), horizon)
        version = material.model.learner.fit(fitted, seed)
    positives = {name: float(np.nansum(column)) for name, column in fitted.labels.items()}
    return Challenger(version, verdict, metrics, split, len(fitted), positives, (later, scores))


def _split(closed: Array, horizon: int, champion: Champion | None) -> Split:
    """Return the split in time; what the champion has learned from is not what it is judged on."""
    split = temporal(closed, horizon)
    if champion is None or split.at >= champion.learned_until:
        return split
    new = int((closed >= champion.learned_until).sum())
    if new < _LEAST_NEW:
        raise TrainingError(
            f"only {new} rows were labelled since the champion learned, {_LEAST_NEW} are needed to judge a challenger: wait for more"
        )
    return Split(champion.learned_until, horizon)


def measure(model: Model, later: Examples, scores: Mapping[str, Array]) -> dict[str, float]:
    """Return every metric that can be computed on the later rows, by `metric of outcome`."""
    found: dict[str, float] = {}
    for head in model.heads:
        kept = ~np.isnan(later.labels[head])
        labels = later.labels[head][kept]
        if len(labels) == 0 or not np.isin(labels, (0.0, 1.0)).all() or labels.min() == labels.max():
            continue
        for name in _METRICS:
            found[f"{name} of {head}"] = metric(name).of({"score": scores[head][kept], "label": labels, "group": later.group[kept]})
    return found


def judge(model: Model, champion: Champion | None, later: Examples, scores: Mapping[str, Array], gate: NotWorse, seed: int) -> Verdict:
    """Return the gate's verdict: on the same later rows, is the challenger shown to be worse by more than the margin?"""
    head = model.heads[0]
    kept = ~np.isnan(later.labels[head])
    labels, group = later.labels[head][kept], later.group[kept]
    if len(labels) == 0 or labels.min() == labels.max():
        raise TrainingError(
            f"the later rows hold {len(labels)} labels of {head}, all alike: there is nothing to judge a model on; wait for more"
        )
    measured = metric(gate.metric)
    value = measured.of({"score": scores[head][kept], "label": labels, "group": group})
    if champion is None:
        return Verdict(True, f"the first version: {gate.metric} {value:.4f} on later rows", gate.metric, float("nan"), value)
    before = champion.version.score({name: column[kept] for name, column in later.rows.items()})[head]
    found = compare(gate.metric, before, scores[head][kept], labels, group, seed=seed)
    passed = not found.is_worse(gate.margin)
    shown = f"{gate.metric} {found.challenger:.4f} against the champion's {found.champion:.4f} on the same {len(labels)} later rows"
    reason = f"not worse: {shown}" if passed else f"worse: {shown}, the difference lies in [{found.low:.4f}, {found.high:.4f}]"
    return Verdict(passed, reason, gate.metric, found.champion, found.challenger, found.low, found.high)


def _judge_recall(version: Any, champion: Champion | None, later: Examples, gate: NotWorse) -> Verdict:
    name = f"recall@{_RECALL_AT}"
    found = hits(version, later.rows["query"], later.rows["candidate"], _RECALL_AT)
    value = float(found.mean()) if len(found) else float("nan")
    if champion is None:
        return Verdict(True, f"the first version: {name} {value:.4f} of later events", name, float("nan"), value)
    before = hits(champion.version, later.rows["query"], later.rows["candidate"], _RECALL_AT)
    difference = found.astype(np.float64) - before
    error = 1.96 * float(difference.std()) / max(len(difference), 1) ** 0.5
    mean = float(difference.mean())
    passed = mean + error >= -gate.margin
    shown = f"{name} {value:.4f} against the champion's {float(before.mean()):.4f} on the same {len(found)} later events"
    return Verdict(passed, f"{'not worse' if passed else 'worse'}: {shown}", name, float(before.mean()), value, mean - error, mean + error)
