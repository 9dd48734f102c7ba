"""What is believed of an outcome that is a sum over the features: Bayesian linear regression."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from millrace.errors import DeclarationError, brief
from millrace.models.belief import IS_SHARE, SEEN, SPREAD, check_memory, one_head, taught
from millrace.models.design import Design
from millrace.models.encoding import Encoding
from millrace.models.folder import read_array, read_json, write_json
from millrace.models.learner import Examples
from millrace.models.resets import kept_by_weights
from millrace.models.segments import Segments, Value
from millrace.models.settings import positive
from millrace.models.weights_belief import design_of, load_design, said, save_design, width, written
from millrace.schema import Field
from millrace.types import Array, Columns, size, take

_NAME = "LinearBelief"


@dataclass(frozen=True, kw_only=True)
class LinearBelief:
    """Linear regression that knows how sure it is: for Thompson sampling and, with `UCB`, what is called LinUCB.

    All candidates share the weights, so what is learned of one says something of another; a feature that is the candidate's id gives each
    a weight of its own besides. With `per=` every value of that feature has weights of its own, and nothing is shared. It sees no
    interactions and no curves: declare those as features. Numbers are standardised as of the latest rows; 200 categories of a feature at
    most have a weight. For chances far from a half `LogisticBelief` fits better.

    Args:
        reg: How strongly weights are held near 0, in rows: the squared penalty beside the squared errors, in (0, 1e9].
        noise: How far outcomes lie around what is expected of them, in the outcome's unit, as long as no rows say so; it counts as two.
        per: A feature of the model whose every value has weights of its own, such as `Artwork.id`; None shares them.
        decay: As for `BetaBelief`.
        window: As for `BetaBelief`.
        reset: Whether all is forgotten that came before the weights of any segment last changed.
    """

    reg: float = 1.0
    noise: float = 1.0
    per: Field | None = None
    decay: str | None = None
    window: str | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        positive(self, "reg", 1e9)
        positive(self, "noise", 1e9)
        if self.per is not None and not isinstance(self.per, Field):
            raise DeclarationError(
                f"LinearBelief(per={brief(self.per)}): not an attribute; name a feature of the model, such as Artwork.id"
            )
        check_memory(self)

    def untaught(self, heads: tuple[str, ...]) -> LinearVersion:
        """Return what is believed before anything was seen: 0 for everything, give or take the noise."""
        none = np.zeros((0, 1))
        return LinearVersion(
            (one_head(heads, self),), None, Segments((), ()), float(self.reg), float(self.noise), none, none[:, :, None], none[:, 0]
        )

    def fit(self, examples: Examples, seed: int) -> LinearVersion:
        """Solve for the weights. Nothing here is random: every seed gives the same version.

        Raises:
            TrainingError: There is not one outcome, or no row has a label.
            BadInput: A feature is not one number, boolean or text per row, or `per` is not among them.
        """
        from threadpoolctl import threadpool_limits

        head, index, label, weight = taught(self, examples)
        rows = take(examples.rows, index)
        found = []
        with threadpool_limits(1):  # sums would differ in the last digit with the number of cores
            design, segments, x, number = self._written(rows)
            if self.reset:
                kept = kept_by_weights(x, number, label, self._explained)
                rows, label, weight = take(rows, kept), label[kept], weight[kept]
                design, segments, x, number = self._written(rows)
            for segment in range(len(segments.keys)):
                of = number == segment
                found.append(_solved(x[of], label[of], weight[of], self.reg))
        mean, inverse, error = (np.stack(part) for part in zip(*found, strict=True))
        noise = float(np.sqrt((2 * self.noise**2 + error.sum()) / (2 + weight.sum())))
        seen = np.bincount(number, weights=weight, minlength=len(found))
        return LinearVersion((head,), design, segments, float(self.reg), noise, mean, inverse, seen)

    def _written(self, rows: Columns) -> tuple[Design | None, Segments, Array, Array]:
        """Return the design of rows, their segments, the rows written out, and the segment of each."""
        names = [self.per.column] if self.per is not None else []
        segments = Segments.of(rows, names)
        shared = {name: column for name, column in rows.items() if name not in names}
        design = design_of(shared) if shared else None
        return design, segments, written(design, shared, size(rows)), segments.numbers(rows)

    def _explained(self, x: Array, label: Array) -> tuple[Array, Array]:
        mean, _, error = _solved(x, label, np.ones(len(label)), self.reg)
        return x @ mean, np.full(len(label), error / len(label))

    def load(self, folder: Path) -> LinearVersion:
        """Read a version that a `LinearBelief` of any settings saved."""
        saved = read_json(folder, "linear_belief.json", _Saved)
        design = load_design(folder, saved.encoding)
        n, d = len(saved.keys), width(design)
        mean, inverse = read_array(folder, "weights.npy", (n, d)), read_array(folder, "inverse.npy", (n, d, d))
        segments = Segments(saved.names, saved.keys)
        return LinearVersion(saved.heads, design, segments, saved.reg, saved.noise, mean, inverse, read_array(folder, "seen.npy", (n,)))


@dataclass(frozen=True, eq=False)
class LinearVersion:
    """What is believed of the weights.

    Args:
        heads: The one outcome.
        design: The columns that the weights belong to, after the first, which every row has; None before any row was seen.
        segments: The values of `per`, or one segment of all.
        reg: The penalty: what a segment believes that was never seen.
        noise: A standard deviation.
        weights: The expected weights. Shape (segments, width).
        inverse: Their covariance over the noise's variance. Shape (segments, width, width).
        seen: How many rows taught each segment, weighted. Shape (segments,).
    """

    heads: tuple[str, ...]
    design: Design | None
    segments: Segments
    reg: float
    noise: float
    weights: Array
    inverse: Array
    seen: Array

    def score(self, rows: Columns) -> Columns:
        """Return the expected outcome of every row by its name, its `spread`, `seen`, and `is_share`, false throughout.

        Raises:
            BadInput: A feature of the training examples is missing or of another kind.
        """
        n, d = size(rows), width(self.design)
        x = written(self.design, rows, n)
        number = self.segments.numbers(rows) if len(self.seen) else np.full(n, -1)
        mean, variance, seen = np.empty(n), np.empty(n), np.zeros(n)
        for segment in np.unique(number).tolist():
            of = number == segment
            known = (self.weights[segment], self.inverse[segment]) if segment >= 0 else (np.zeros(d), np.eye(d) / self.reg)
            mean[of], variance[of] = said(x[of], *known)
            seen[of] = self.seen[segment] if segment >= 0 else 0.0
        is_share = np.zeros(n, dtype=bool)
        return {self.heads[0]: mean, SPREAD: self.noise * np.sqrt(variance), SEEN: seen, IS_SHARE: is_share}

    def save(self, folder: Path) -> None:
        """Write `linear_belief.json` and the weights as arrays."""
        encoding = None if self.design is None else self.design.encoding
        told = _Saved(self.heads, encoding, self.segments.names, self.segments.keys, self.reg, self.noise)
        write_json(folder, "linear_belief.json", told)
        save_design(folder, self.design, {"weights": self.weights, "inverse": self.inverse, "seen": self.seen})


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[str, ...]
    encoding: Encoding | None
    names: tuple[str, ...]
    keys: tuple[tuple[Value, ...], ...]
    reg: float
    noise: float


def _solved(x: Array, label: Array, weight: Array, reg: float) -> tuple[Array, Array, float]:
    """Return the weights that fit best, the inverse of the curvature there, and the squared error with its penalty."""
    from scipy.linalg import cho_factor, cho_solve

    weighed = x * weight[:, None]
    factor = cho_factor(weighed.T @ x + reg * np.eye(x.shape[1]))
    toward = weighed.T @ label
    mean, inverse = cho_solve(factor, toward), cho_solve(factor, np.eye(x.shape[1]))
    return mean, (inverse + inverse.T) / 2, max(float(weight @ label**2 - mean @ toward), 0.0)
