"""What is believed of a chance: a beta distribution for every combination of the features' values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from millrace.errors import DeclarationError
from millrace.models.belief import IS_SHARE, SEEN, SPREAD, check_memory, check_shares, one_head
from millrace.models.folder import read_array, read_json, write_array, write_json
from millrace.models.learner import Examples
from millrace.models.segment_belief import known_of, told_apart
from millrace.models.segments import Segments, Value
from millrace.types import Array, Columns

_NAME = "BetaBelief"


@dataclass(frozen=True, kw_only=True)
class BetaBelief:
    """A chance of its own for every combination of the features' values: of each arm with `features=[Artwork.id]`.

    Successes and failures are counted, and add up in any order. Nothing passes from one combination to another: with many of them, or
    with arms that come and go, `LogisticBelief` learns sooner.

    Args:
        prior: How many successes and failures are taken for seen before any was, each above 0: (1, 1) is every chance alike.
        decay: A half-life such as "14d": a row counts half as much when another came that much later. None never forgets.
        window: A duration such as "14d": rows that much older than the latest one no longer count. None never forgets.
        reset: Whether all is forgotten that came before the outcomes of any combination last changed.
    """

    prior: tuple[float, float] = (1.0, 1.0)
    decay: str | None = None
    window: str | None = None
    reset: bool = False

    def __post_init__(self) -> None:
        is_pair = isinstance(self.prior, tuple) and len(self.prior) == 2
        if not is_pair or not all(isinstance(one, int | float) and 0 < one < 1e9 for one in self.prior):
            raise DeclarationError(f"BetaBelief(prior={self.prior!r}): prior is two numbers above 0, such as (1, 1)")
        check_memory(self)

    def untaught(self, heads: tuple[str, ...]) -> BetaVersion:
        """Return what is believed before anything was seen."""
        return BetaVersion((one_head(heads, self),), self._prior, Segments((), ()), np.zeros((0, 2)))

    def fit(self, examples: Examples, seed: int) -> BetaVersion:
        """Count successes and failures. Nothing here is random: every seed gives the same version.

        Raises:
            TrainingError: There is not one outcome, no row has a label, or a label is not in [0, 1].
            BadInput: A feature is not one number, boolean or text per row.
        """
        rows = told_apart(self, examples)
        check_shares(rows.label, rows.head, self)
        return BetaVersion((rows.head,), self._prior, rows.segments, rows.added(rows.label, 1 - rows.label))

    @property
    def _prior(self) -> tuple[float, float]:
        return float(self.prior[0]), float(self.prior[1])

    def load(self, folder: Path) -> BetaVersion:
        """Read a version that a `BetaBelief` of any settings saved."""
        saved = read_json(folder, "beta_belief.json", _Saved)
        counts = read_array(folder, "counts.npy", (len(saved.keys), 2))
        return BetaVersion(saved.heads, saved.prior, Segments(saved.names, saved.keys), counts)


@dataclass(frozen=True, eq=False)
class BetaVersion:
    """What is believed of each segment.

    Args:
        heads: The one outcome.
        prior: Successes and failures before any was seen.
        segments: The combinations that were.
        counts: Their successes and failures, weighted. Shape (segments, 2).
    """

    heads: tuple[str, ...]
    prior: tuple[float, float]
    segments: Segments
    counts: Array

    def score(self, rows: Columns) -> Columns:
        """Return the expected chance of every row by the outcome's name, its `spread`, `seen`, and `is_share`, true throughout.

        Raises:
            BadInput: A feature of the training examples is missing.
        """
        won, lost = known_of(rows, self.segments, self.counts)
        a, b = won + self.prior[0], lost + self.prior[1]
        spread = np.sqrt(a * b / (a + b + 1)) / (a + b)
        return {self.heads[0]: a / (a + b), SPREAD: spread, SEEN: won + lost, IS_SHARE: np.ones(len(a), dtype=bool)}

    def save(self, folder: Path) -> None:
        """Write `beta_belief.json` and the counts."""
        write_json(folder, "beta_belief.json", _Saved(self.heads, self.prior, self.segments.names, self.segments.keys))
        write_array(folder, "counts.npy", self.counts)


class _Saved(msgspec.Struct, frozen=True, tag=_NAME, tag_field="learner"):
    heads: tuple[str, ...]
    prior: tuple[float, float]
    names: tuple[str, ...]
    keys: tuple[tuple[Value, ...], ...]
