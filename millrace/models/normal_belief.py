"""What is believed of a mean: a normal distribution for every combination of the features' values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from millrace.models.belief import IS_SHARE, SEEN, SPREAD, check_memory, one_head
from millrace.models.folder import read_array, read_json, write_array, write_json
from millrace.models.learner import Examples
from millrace.models.segment_belief import known_of, told_apart
from millrace.models.segments import Segments, Value
from millrace.models.settings import positive
from millrace.types import Array, Columns

_NAME = "NormalBelief"


@dataclass(frozen=True, kw_only=True)
class NormalBelief:
    """A mean of its own for every combination of the features' values: of each arm with `features=[Artwork.id]`.

    Outcomes of a combination are taken to lie around its mean as far as they do around theirs in all others; where few outcomes hold most
    of the sum, as in revenue, it is surer than it should be. What was never seen is expected to be as all are on average.

    Args:
        strength: How many rows the average of all counts for in each combination, above 0.
        decay: As for `BetaBelief`.
        window: As for `BetaBelief`.
        reset: As for `BetaBelief`.
    """

    strength: float = 1.0
    decay: str | None = None
    window: str | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        positive(self, "strength", 1e9)
        check_memory(self)

    def untaught(self, heads: tuple[str, ...]) -> NormalVersion:
        """Return what is believed before anything was seen: 0 give or take 1, of everything alike."""
        return NormalVersion((one_head(heads, self),), float(self.strength), 0.0, 1.0, Segments((), ()), np.zeros((0, 2)))

    def fit(self, examples: Examples, seed: int) -> NormalVersion:
        """Add up outcomes. Nothing here is random: every seed gives the same version.

        Raises:
            TrainingError: There is not one outcome, or no row has a label.
            BadInput: A feature is not one number, boolean or text per row.
        """
        head, segments, number, label, weight = rows = told_apart(self, examples)
        n = len(segments.keys)
        average = float(np.average(label, weights=weight))
        sums = rows.added(np.ones(len(label)), label - average)
        counts, above = sums.T
        within = label - average - np.divide(above, counts, out=np.zeros(n), where=counts > 0)[number]
        # One row more than there are, as far out as the rows lie around their average: two equal outcomes do not make it certain.
        around = float(np.average((label - average) ** 2, weights=weight)) or 1.0
        noise = float(np.sqrt((weight @ within**2 + around) / (max(weight.sum() - n, 0.0) + 1)))
        return NormalVersion((head,), float(self.strength), average, noise, segments, sums)

    def load(self, folder: Path) -> NormalVersion:
        """Read a version that a `NormalBelief` of any settings saved."""
        saved = read_json(folder, "normal_belief.json", _Saved)
        sums = read_array(folder, "sums.npy", (len(saved.keys), 2))
        return NormalVersion(saved.heads, saved.strength, saved.average, saved.noise, Segments(saved.names, saved.keys), sums)


@dataclass(frozen=True, eq=False)
class NormalVersion:
    """What is believed of each segment.

    Args:
        heads: The one outcome.
        strength: How many rows the average counts for.
        average: Of all rows.
        noise: How far outcomes lie around the mean of their segment: a standard deviation.
        segments: The combinations that were seen.
        sums: How many rows each had, weighted, and the sum by which they were above the average. Shape (segments, 2).
    """

    heads: tuple[str, ...]
    strength: float
    average: float
    noise: float
    segments: Segments
    sums: Array

    def score(self, rows: Columns) -> Columns:
        """Return the expected outcome of every row by its name, its `spread`, `seen`, and `is_share`, false throughout.

        Raises:
            BadInput: A feature of the training examples is missing.
        """
        count, above = known_of(rows, self.segments, self.sums)
        rows_there = self.strength + count
        mean, spread = self.average + above / rows_there, self.noise / np.sqrt(rows_there)
        return {self.heads[0]: mean, SPREAD: spread, SEEN: count, IS_SHARE: np.zeros(len(count), dtype=bool)}

    def save(self, folder: Path) -> None:
        """Write `normal_belief.json` and the sums."""
        told = _Saved(self.heads, self.strength, self.average, self.noise, self.segments.names, self.segments.keys)
        write_json(folder, "normal_belief.json", told)
        write_array(folder, "sums.npy", self.sums)


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[str, ...]
    strength: float
    average: float
    noise: float
    names: tuple[str, ...]
    keys: tuple[tuple[Value, ...], ...]
