"""A metric that is compared in another way than its own. Whatever wraps a metric is a metric too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import msgspec
import numpy as np

from millrace.errors import DeclarationError
from millrace.experiments.adjusted import Adjusted
from millrace.experiments.comparison import Arm, Asked, Comparison
from millrace.experiments.contrast import check_size
from millrace.experiments.metric import PLAIN, Better, Metric, column_of
from millrace.experiments.needs import Needs
from millrace.experiments.ratios import Ratio
from millrace.experiments.summary import Summary
from millrace.experiments.two_arms import two_arms
from millrace.experiments.ways import Rows, Way
from millrace.types import Columns

if TYPE_CHECKING:
    from collections.abc import Sequence


@final
@dataclass(frozen=True)
class Compared:
    """A metric whose arms are compared by its units' own values rather than by their moments.

    Attributes:
        metric: A mean, a count, a ratio, a proportion or a retention.
        by: `Clustered`, `Stratified`, `Paired`, `Permutation` or `Bootstrap`.

    >>> from millrace.experiments.metrics import Mean
    >>> from millrace.experiments.ways import Bootstrap
    >>> Compared(Mean("paid"), by=Bootstrap()).name
    'mean of paid'
    """

    metric: Any
    by: Way

    def __post_init__(self) -> None:
        if not isinstance(self.by, Way):
            raise DeclarationError(f"{self.metric.name}: by={self.by!r} is no way to compare: write Clustered(...), Bootstrap() or another")
        if not isinstance(self.metric, Adjusted):
            said = "only means, counts, ratios and shares are compared in other ways than their own"
            raise DeclarationError(
                f"{self.metric.name}: {said}: leave it out of the scorecard with by=, or wrap single metrics in Compared"
            )
        is_ratio = isinstance(self.metric, Ratio)
        if is_ratio and not self.by.takes_ratios:
            said = f"{type(self.by).__name__} puts means together, not ratios"
            raise DeclarationError(f"{self.metric.name}: {said}: declare a Mean, or compare it in another way")
        if is_ratio and self.metric.covariates:
            raise DeclarationError(f"{self.metric.name}: covariates sharpen a ratio by its own way to compare only: leave them out, or by=")

    @property
    def name(self) -> str:
        """What read-outs call it."""
        return self.metric.name

    @property
    def better(self) -> Better:
        """Which way it should go."""
        return self.metric.better

    def needs(self) -> Needs:
        """Return what it must be told of every arm: what the metric must, and the same of every unit."""
        labels = frozenset(column_of(label) for label in self.by.labels)
        return self.metric.needs() | Needs(rows=frozenset(self.metric.terms()), labels=labels)

    def compare(self, control: Summary, treatment: Summary, asked: Asked = PLAIN) -> Comparison:
        """Return how the treatment compares with the control; its arms' units are those that were assigned, whatever they are worth."""
        for arm in (control, treatment):
            check_size(self.name, arm.arm, arm.units)
        found = self.by.compare(self.name, self._rows((control, treatment)), asked)
        arms = [
            msgspec.structs.replace(figure, name=arm.arm, units=arm.units)
            for figure, arm in ((found.control, control), (found.treatment, treatment))
        ]
        cautions = (*self.metric.touched(control, treatment), *found.cautions)
        if self.by.holds_once:  # a relative interval would be one of normal theory, beside what was drawn
            found = msgspec.structs.replace(found, relative=None, relative_low=None, relative_high=None)
        return msgspec.structs.replace(found, control=arms[0], treatment=arms[1], cautions=cautions)

    def figures(self, control: Summary, treatment: Summary) -> tuple[Arm, Arm]:
        """Return both arms' figures, as the metric itself has them."""
        return self.metric.figures(control, treatment)

    def figure(self, arm: Summary) -> Arm:
        """Return an arm's figure by itself, for plans: with errors by cluster where there are clusters, else the metric's own."""
        check_size(self.name, arm.arm, arm.units)
        return self.by.figure(arm.arm, self._rows((arm,))) or self.metric.figure(arm)

    def draw(self, rng: np.random.Generator, n: int, like: Summary, effect: float = 0.0) -> Columns:
        """Return n made-up units: drawn anew from `like` where there are clusters (as a whole) or strata, else as the metric draws them."""
        labels = [column_of(one) for one in self.by.labels]
        if not labels:
            return self.metric.draw(rng, n, like, effect)
        terms = self.metric.terms()
        read = like.each(terms, labels)
        at, of = self.by.redrawn(rng, n, {label: read[label] for label in labels})
        drawn = {term.column: read[term.name][at] for term in terms}
        return {**drawn, **self.metric.moved(rng, drawn, effect), **of}

    def _rows(self, arms: Sequence[Summary]) -> Rows:
        terms, labels = self.metric.terms(), tuple(column_of(label) for label in self.by.labels)
        read = [arm.each(terms, labels) for arm in arms]
        whole = {name: np.concatenate([one[name] for one in read]) for name in read[0]}
        is_ratio = isinstance(self.metric, Ratio)
        first = 2 if is_ratio else 1
        treated = np.repeat(np.arange(len(arms)) > 0, [arm.units for arm in arms])
        rows = two_arms(whole[terms[0].name], treated, bottom=whole[terms[1].name] if is_ratio else None)
        covariates = np.stack([whole[term.name] for term in terms[first:]], axis=1) if len(terms) > first else np.empty((len(treated), 0))
        return Rows(rows, covariates, {label: whole[label] for label in labels}, is_ratio)


def compared(metric: Metric, by: Way | None) -> Metric:
    """Return a metric that is compared in a way, if one is given and it does not say its own."""
    return metric if by is None or isinstance(metric, Compared) else Compared(metric, by)
