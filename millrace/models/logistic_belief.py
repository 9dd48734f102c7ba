"""What is believed of a chance whose log-odds are a sum over the features: Bayesian logistic regression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from millrace.models.belief import IS_SHARE, SEEN, SPREAD, check_memory, check_shares, one_head, taught
from millrace.models.design import Design
from millrace.models.encoding import Encoding
from millrace.models.folder import read_array, read_json, write_json
from millrace.models.learner import Examples
from millrace.models.odds import probability
from millrace.models.resets import kept_by_weights
from millrace.models.settings import positive
from millrace.models.weights_belief import design_of, load_design, said, save_design, width, written
from millrace.types import Array, Columns, size, take

_NAME = "LogisticBelief"
_STEPS = 50
_NODES = 20
"""Points at which a chance is averaged over its log-odds."""


@dataclass(frozen=True, kw_only=True)
class LogisticBelief:
    """Logistic regression that knows how sure it is: for clicks, whose chance is small and depends on who asks.

    The belief in the weights is taken for normal around those that fit best (Laplace's approximation), which holds the better the more
    rows there are. A row's chance is then averaged over it. Otherwise as `LinearBelief` without `per`.

    Args:
        reg: The strength of the squared penalty, in (0, 1e9]: weights lie within 1 / sqrt(reg) of 0 as long as no rows say so.
        decay: As for `BetaBelief`.
        window: As for `BetaBelief`.
        reset: Whether all is forgotten that came before the weights last changed.
    """

    reg: float = 1.0
    decay: str | None = None
    window: str | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        positive(self, "reg", 1e9)
        check_memory(self)

    def untaught(self, heads: tuple[str, ...]) -> LogisticBeliefVersion:
        """Return what is believed before anything was seen: a half, give or take what the penalty allows."""
        return LogisticBeliefVersion((one_head(heads, self),), None, 0.0, np.zeros(1), np.eye(1) / self.reg)

    def fit(self, examples: Examples, seed: int) -> LogisticBeliefVersion:
        """Find the weights that fit best, and how sharply. Nothing here is random: every seed gives the same version.

        Raises:
            TrainingError: There is not one outcome, no row has a label, or a label is not in [0, 1].
            BadInput: A feature is not one number, boolean or text per row, or there is none.
        """
        from threadpoolctl import threadpool_limits

        head, index, label, weight = taught(self, examples)
        check_shares(label, head, self)
        rows = take(examples.rows, index)
        design = design_of(rows)
        with threadpool_limits(1):  # sums would differ in the last digit with the number of cores
            if self.reset:
                x, one = written(design, rows, len(label)), np.zeros(len(label), dtype=np.int64)
                kept = kept_by_weights(x, one, label, self._explained)
                rows, label, weight = take(rows, kept), label[kept], weight[kept]
                design = design_of(rows)
            mean, covariance = _laplace(written(design, rows, len(label)), label, weight, self.reg)
        return LogisticBeliefVersion((head,), design, float(weight.sum()), mean, covariance)

    def _explained(self, x: Array, label: Array) -> tuple[Array, Array]:
        chance = probability(x @ _laplace(x, label, np.ones(len(label)), self.reg)[0])
        return chance, chance * (1 - chance)

    def load(self, folder: Path) -> LogisticBeliefVersion:
        """Read a version that a `LogisticBelief` of any settings saved."""
        saved = read_json(folder, "logistic_belief.json", _Saved)
        design = load_design(folder, saved.encoding)
        d = width(design)
        covariance = read_array(folder, "covariance.npy", (d, d))
        return LogisticBeliefVersion(saved.heads, design, saved.seen, read_array(folder, "weights.npy", (d,)), covariance)


@dataclass(frozen=True, eq=False)
class LogisticBeliefVersion:
    """What is believed of the weights.

    Args:
        heads: The one outcome.
        design: The columns that the weights belong to, after the first, which every row has; None before any row was seen.
        seen: How many rows taught it, weighted.
        weights: The expected weights. Shape (width,).
        covariance: Theirs. Shape (width, width).
    """

    heads: tuple[str, ...]
    design: Design | None
    seen: float
    weights: Array
    covariance: Array

    def score(self, rows: Columns) -> Columns:
        """Return the expected chance of every row by the outcome's name, its `spread`, `seen`, and `is_share`, true throughout.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        n = size(rows)
        mean, variance = said(written(self.design, rows, n), self.weights, self.covariance)
        node, share = np.polynomial.hermite_e.hermegauss(_NODES)
        share = share / share.sum()
        chance = probability(mean[:, None] + np.sqrt(variance)[:, None] * node)
        expected = np.vecdot(chance, share)
        spread = np.sqrt(np.maximum(np.vecdot((chance - expected[:, None]) ** 2, share), 0.0))
        return {self.heads[0]: expected, SPREAD: spread, SEEN: np.full(n, self.seen), IS_SHARE: np.ones(n, dtype=bool)}

    def save(self, folder: Path) -> None:
        """Write `logistic_belief.json` and the weights as arrays."""
        encoding = None if self.design is None else self.design.encoding
        write_json(folder, "logistic_belief.json", _Saved(self.heads, encoding, self.seen))
        save_design(folder, self.design, {"weights": self.weights, "covariance": self.covariance})


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[str, ...]
    encoding: Encoding | None
    seen: float


def _laplace(x: Array, label: Array, weight: Array, reg: float) -> tuple[Array, Array]:
    """Return the weights of the least penalised loss, and the inverse of its curvature there. Shapes (width,) and (width, width)."""
    from scipy.linalg import cho_factor, cho_solve

    mean, ridge = np.zeros(x.shape[1]), reg * np.eye(x.shape[1])
    loss = _loss(x, label, weight, reg, mean)
    for _ in range(_STEPS):
        chance = probability(x @ mean)
        slope = x.T @ (weight * (chance - label)) + reg * mean
        factor = cho_factor((x * (weight * chance * (1 - chance))[:, None]).T @ x + ridge)
        step = cho_solve(factor, slope)
        while (less := _loss(x, label, weight, reg, mean - step)) > loss and np.abs(step).max() > 1e-12:
            step /= 2  # Newton's step may go too far where the curvature is not yet that of the end
        mean, gained, loss = mean - step, loss - less, less
        if gained <= 1e-12 * (1 + abs(loss)):
            break
    chance = probability(x @ mean)
    inverse = cho_solve(cho_factor((x * (weight * chance * (1 - chance))[:, None]).T @ x + ridge), np.eye(x.shape[1]))
    return mean, (inverse + inverse.T) / 2


def _loss(x: Array, label: Array, weight: Array, reg: float, mean: Array) -> float:
    total = x @ mean
    return float(weight @ (np.logaddexp(0.0, total) - label * total) + reg * mean @ mean / 2)
