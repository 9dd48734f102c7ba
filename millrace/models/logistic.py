"""Logistic regression on standardised numbers and one weight per category: the model to beat."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from millrace.models.design import Design
from millrace.models.encoding import Encoding
from millrace.models.folder import read_array, read_json, write_array, write_json
from millrace.models.labels import heads_of, labelled, require_yes_and_no
from millrace.models.learner import Examples
from millrace.models.odds import probability
from millrace.models.settings import positive, whole
from millrace.types import Array, Columns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_NAME = "Logistic"
_MOST_CATEGORIES = 1000


@dataclass(frozen=True, kw_only=True)
class Logistic:
    """Logistic regression with a squared penalty: quick, calibrated when it fits, and a sum anyone can read.

    Numbers and booleans are standardised; one that is missing or infinite counts as the mean and gets a weight for being missing;
    every frequent category has a weight, the rare and the unseen share that of a missing one. It sees no interactions and no curves:
    declare those as features, or use `GradientBoosting`.

    Args:
        reg: The strength of the squared penalty on the weights, in (0, 1e9]. It stands against the sum of the rows' losses, so it
            fades as rows grow.
        min_rows: The fewest rows of a category that gets a weight of its own, 1 to 1 000 000.
    """

    reg: float = 1.0
    min_rows: int = 20

    def __post_init__(self) -> None:
        positive(self, "reg", 1e9)
        whole(self, "min_rows", 1, 1_000_000)

    def fit(self, examples: Examples, seed: int) -> LogisticVersion:
        """Fit weights per outcome on the rows where it is known. Nothing here is random: every seed gives the same version.

        Raises:
            TrainingError: An outcome has no labelled row, labels other than 0 and 1, or only one of them.
            BadInput: A feature is not one number, boolean or text per row, or there is none.
        """
        from threadpoolctl import threadpool_limits

        heads = heads_of(examples, _NAME)
        design = Design.fit(Encoding.fit(examples.rows, rarest=self.min_rows, most=_MOST_CATEGORIES), examples.rows)
        columns = design.columns(examples.rows)
        weights, base = np.empty((len(heads), design.width)), np.empty(len(heads))
        with threadpool_limits(1):  # sums would differ in the last digit with the number of cores
            for i, head in enumerate(heads):
                weights[i], base[i] = self._solve(columns, examples, head)
        return LogisticVersion(heads, design, weights, base, columns.mean(axis=0))

    def load(self, folder: Path) -> LogisticVersion:
        """Read a version that a `Logistic` of any settings saved."""
        saved = read_json(folder, "logistic.json", _Saved)
        numbers = (len(saved.encoding.positions("number", "boolean")),)
        design = Design(saved.encoding, read_array(folder, "mean.npy", numbers), read_array(folder, "scale.npy", numbers))
        return LogisticVersion(
            saved.heads,
            design,
            weights=read_array(folder, "weights.npy", (len(saved.heads), design.width)),
            base=read_array(folder, "base.npy", (len(saved.heads),)),
            usual=read_array(folder, "usual.npy", (design.width,)),
        )

    def _solve(self, columns: csr_array, examples: Examples, head: str) -> tuple[Array, float]:
        from sklearn.linear_model import LogisticRegression

        index = labelled(examples, head, _NAME)
        label = examples.labels[head][index]
        require_yes_and_no(label, head, _NAME)
        regression = LogisticRegression(C=1 / self.reg, solver="lbfgs", tol=1e-6, max_iter=2000)
        regression.fit(columns[index], label, sample_weight=examples.weight[index])
        return regression.coef_[0], float(np.ravel(regression.intercept_)[0])


@dataclass(frozen=True, eq=False)
class LogisticVersion:
    """Fitted weights per outcome. Scores are probabilities.

    Args:
        heads: The outcomes it predicts.
        design: The columns that the weights belong to.
        weights: Shape (heads, design.width).
        base: What is added to every sum. Shape (heads,).
        usual: The average of each column over the training rows. Shape (design.width,).
    """

    heads: tuple[str, ...]
    design: Design
    weights: Array
    base: Array
    usual: Array

    @property
    def features(self) -> tuple[str, ...]:
        """The feature columns, in the order of the contributions."""
        return self.design.encoding.names

    def score(self, rows: Columns) -> Columns:
        """Predict every row: its probability as a float64 column per head, shape (n,).

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        effects = self.design.effects(rows, self.weights)
        # One product per row: a matrix product would round differently as the batch grows.
        chance = probability(np.vecdot(effects, np.ones(effects.shape[2])) + self.base[:, None])
        return dict(zip(self.heads, chance, strict=True))

    def contributions(self, rows: Columns) -> Columns:
        """Split every row's log-odds over the features: float64 per head, shape (n, features + 1), the average log-odds last.

        A feature's share is its weight times how far the row is from the average training row, the Shapley value of a linear model.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        out: dict[str, Array] = {}
        for i, effects in enumerate(self.design.effects(rows, self.weights)):
            usual = self.design.total(self.weights[i] * self.usual)
            average = np.full(len(effects), self.base[i] + usual.sum())
            out[self.heads[i]] = np.column_stack([effects - usual, average])
        return out

    def save(self, folder: Path) -> None:
        """Write `logistic.json` and the weights as arrays."""
        write_json(folder, "logistic.json", _Saved(self.heads, self.design.encoding))
        for name, array in {"mean": self.design.mean, "scale": self.design.scale}.items():
            write_array(folder, f"{name}.npy", array)
        for name, array in {"weights": self.weights, "base": self.base, "usual": self.usual}.items():
            write_array(folder, f"{name}.npy", array)


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[str, ...]
    encoding: Encoding
