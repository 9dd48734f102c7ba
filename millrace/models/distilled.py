"""Distillation: what a large model has learned, in a small one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from millrace.errors import DeclarationError
from millrace.models.folder import read_json, write_json
from millrace.models.learner import Examples, Learner, Version
from millrace.models.odds import log_odds, probability
from millrace.types import Array, Columns

_NAME = "Distilled"

Link = Literal["logistic", "identity"]


@dataclass(frozen=True)
class Distilled:
    """A small learner that learns the scores of a large one: `Distilled(GradientBoosting(), into=Perceptron(loss="squared"))`.

    The teacher learns the outcomes. The student then learns, of every row, what the teacher says of it: log-odds where that is a
    probability, the score itself elsewhere. A score tells more than a yes or a no, so a student comes nearer to its teacher than the
    same small learner does on the outcomes; and rows whose outcome is not known teach it too. The teacher has seen the outcomes of
    these rows and is surer of them than it would be of others, which the student takes over: wrap it in `Calibrated` if its
    probabilities are used as such.

    A version holds the student alone, and costs what the student costs.

    Args:
        teacher: The learner whose scores are learned.
        into: The student, a learner of quantities: `GradientBoosting(trees=40, loss="squared")`, `Perceptron(loss="squared")`.

    Source: Hinton, Vinyals & Dean (2015), Distilling the Knowledge in a Neural Network.
    """

    teacher: Learner
    _: KW_ONLY
    into: Learner

    def __post_init__(self) -> None:
        for setting, learner in {"teacher": self.teacher, "into": self.into}.items():
            if isinstance(learner, type) or not callable(getattr(learner, "fit", None)):
                raise DeclarationError(
                    f'{_NAME}({setting}={learner!r}): it is a learner, such as GradientBoosting(trees=40, loss="squared")'
                )
        if getattr(self.into, "loss", None) != "squared":
            raise DeclarationError(
                f"{_NAME}(into={self.into!r}): the student learns the teacher's scores, which are quantities: "
                f'use a learner with loss="squared", such as GradientBoosting(trees=40, loss="squared") or Perceptron(loss="squared")'
            )

    def fit(self, examples: Examples, seed: int) -> DistilledVersion:
        """Train the teacher on the outcomes and the student on the teacher's scores of all rows that count.

        Raises:
            TrainingError: The teacher cannot learn the outcomes, or the student its scores.
        """
        teacher = self.teacher.fit(examples, seed)
        scores = teacher.score(examples.rows)
        links: dict[str, Link] = {head: _link(examples.labels[head], scores[head]) for head in teacher.heads}
        targets = {head: log_odds(scores[head]) if link == "logistic" else scores[head] for head, link in links.items()}
        lessons = Examples(examples.rows, targets, examples.weight, examples.group, examples.at)
        return DistilledVersion(self.into.fit(lessons, seed), links)

    def load(self, folder: Path) -> DistilledVersion:
        """Read a version that a `Distilled` into the same kind of learner saved."""
        saved = read_json(folder, "distilled.json", _Saved)
        return DistilledVersion(self.into.load(folder / "student"), saved.links)


@dataclass(frozen=True, eq=False)
class DistilledVersion:
    """A student and, per outcome, what its numbers are: log-odds of probabilities, or the teacher's scores themselves.

    For reasons, ask `inner`, the student: its contributions add up to the log-odds, or to the score.
    """

    inner: Version
    links: Mapping[str, Link]

    @property
    def heads(self) -> tuple[str, ...]:
        """The outcomes it predicts."""
        return self.inner.heads

    def score(self, rows: Columns) -> Columns:
        """Predict every row: a float64 column per head, shape (n,), probabilities where the teacher's were.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        scores = self.inner.score(rows)
        return {**scores, **{head: probability(scores[head]) for head, link in self.links.items() if link == "logistic"}}

    def save(self, folder: Path) -> None:
        """Write `distilled.json` and the student in the folder `student`."""
        write_json(folder, "distilled.json", _Saved(dict(self.links)))
        self.inner.save(folder / "student")


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    links: dict[str, Link]


def _link(label: Array, score: Array) -> Link:
    """Return what a teacher's scores are: probabilities if the outcome is 0 or 1 and all of them lie between."""
    yes_or_no = np.isin(label[~np.isnan(label)], (0.0, 1.0)).all()
    return "logistic" if yes_or_no and score.min() >= 0 and score.max() <= 1 else "identity"
