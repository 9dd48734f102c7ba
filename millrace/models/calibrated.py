"""Calibration around any learner: scores that mean what they say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from millrace.errors import DeclarationError
from millrace.models.calibrator import Sigmoid, Steps, fit_sigmoid, fit_steps
from millrace.models.folder import read_json, write_json
from millrace.models.grouping import split_by_time
from millrace.models.labels import heads_of, labelled, require_yes_and_no
from millrace.models.learner import Examples, Learner, Version
from millrace.models.settings import one_of, positive
from millrace.types import Array, Columns, take

_NAME = "Calibrated"
_FITS = {"isotonic": fit_steps, "sigmoid": fit_sigmoid}


@dataclass(frozen=True)
class Calibrated:
    """A learner whose scores are turned into probabilities that hold on rows it has not seen: `Calibrated(GradientBoosting())`.

    Per outcome, the inner learner trains on the earlier labelled rows and a curve from score to probability is fitted to the latest.
    Splitting in time shows the curve what serving will meet, a model older than its rows. The inner learner is not trained again on
    all rows: the curve describes the scores of this very version, and another's would mean something else. So the latest rows teach
    only the curve; that is the price.

    Order is kept but for ties. Only scores are wrapped: a retriever loses its `recall`.

    Args:
        inner: The learner to calibrate, for outcomes that are 0 or 1.
        by: "isotonic" takes any rising shape and wants some hundred positives among the latest rows; "sigmoid" has two numbers and
            does with some tens.
        held_out: The share of the labelled rows, the latest ones, kept for the curve; in (0, 0.5].
    """

    inner: Learner
    _: KW_ONLY
    by: Literal["isotonic", "sigmoid"] = "isotonic"
    held_out: float = 0.2

    def __post_init__(self) -> None:
        if isinstance(self.inner, type) or not callable(getattr(self.inner, "fit", None)):
            raise DeclarationError(f"Calibrated({self.inner!r}): it wraps a learner, as in Calibrated(GradientBoosting())")
        one_of(self, "by", *_FITS)
        positive(self, "held_out", 0.5)

    def fit(self, examples: Examples, seed: int) -> CalibratedVersion:
        """Train the inner learner on the earlier rows and a curve per outcome on the latest.

        Raises:
            TrainingError: The latest rows lack positives or negatives of an outcome, its labels are not 0 and 1, or the inner learner
                cannot learn from the earlier rows.
        """
        latest = {head: self._latest(examples, head) for head in heads_of(examples, _NAME)}
        version = self.inner.fit(_without(examples, latest), seed)
        return CalibratedVersion(version, {head: self._curve(version, examples, head, rows) for head, rows in latest.items()})

    def load(self, folder: Path) -> CalibratedVersion:
        """Read a version that a `Calibrated` around the same kind of learner saved."""
        saved = read_json(folder, "calibrated.json", _Saved)
        return CalibratedVersion(self.inner.load(folder / "inner"), saved.curves)

    def _latest(self, examples: Examples, head: str) -> Array:
        """Return the positions of the latest labelled rows. Each head has its own, since some outcomes are known sooner than others."""
        index = labelled(examples, head, _NAME)
        _, later = split_by_time(examples.at[index], examples.group[index], self.held_out)
        require_yes_and_no(examples.labels[head][index[later]], head, f"{_NAME} (on the latest {self.held_out:.0%} of the labelled rows)")
        return index[later]

    def _curve(self, version: Version, examples: Examples, head: str, rows: Array) -> Steps | Sigmoid:
        score = version.score(take(examples.rows, rows))[head]
        return _FITS[self.by](score, examples.labels[head][rows], examples.weight[rows])


@dataclass(frozen=True, eq=False)
class CalibratedVersion:
    """A version and a curve per outcome. Scores are probabilities; for reasons, ask `inner`."""

    inner: Version
    curves: Mapping[str, Steps | Sigmoid]

    @property
    def heads(self) -> tuple[str, ...]:
        """The outcomes it predicts."""
        return self.inner.heads

    def score(self, rows: Columns) -> Columns:
        """Predict every row: a probability per head as a float64 column, shape (n,), and the inner version's other columns.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        scores = self.inner.score(rows)
        return {**scores, **{head: curve(scores[head]) for head, curve in self.curves.items()}}

    def save(self, folder: Path) -> None:
        """Write `calibrated.json` and the inner version in the folder `inner`."""
        write_json(folder, "calibrated.json", _Saved(dict(self.curves)))
        self.inner.save(folder / "inner")


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    curves: dict[str, Steps | Sigmoid]


def _without(examples: Examples, latest: Mapping[str, Array]) -> Examples:
    """Return the examples less the labels to be held out, and less the rows that then have no label."""
    labels = {head: label.copy() for head, label in examples.labels.items()}
    for head, rows in latest.items():
        labels[head][rows] = np.nan
    has_label = np.any([~np.isnan(label) for label in labels.values()], axis=0)
    return Examples(examples.rows, labels, examples.weight, examples.group, examples.at).part(has_label)
