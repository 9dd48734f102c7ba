"""A shelf whose model can be slowed down from outside: as soon as a file is there, each of its calls takes as long as the file says."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from millrace import Fallback, Fresh, Model, Pipeline, Rules, System, Top, count, outcome
from millrace.models.learner import Examples
from millrace.testing.scorers import Untrained, Weighted
from millrace.types import Array, Columns
from tests.serve.shelf_words import Buy, Good, Look, Visitor

SLOW = "MILLRACE_SIEGE_SLOW"
"""The environment variable that names the file; it holds seconds."""


@dataclass(frozen=True)
class Slowed:
    """A version that waits before it scores, where it is told to."""

    inner: Weighted

    def score(self, rows: Columns) -> dict[str, Array]:
        """Return what the version says, perhaps late."""
        path = Path(os.environ.get(SLOW, ""))
        if path.is_file() and (said := path.read_text()):
            time.sleep(float(said))
        return self.inner.score(rows)

    def save(self, folder: Path) -> None:
        """Write the version; how slow it is belongs to the process."""
        self.inner.save(folder)


@dataclass(frozen=True, kw_only=True)
class Slowable:
    """A learner that learns nothing, of versions that can be slowed down."""

    def fit(self, examples: Examples, seed: int) -> Slowed:
        """Return the version of a seed."""
        return Slowed(Untrained().fit(examples, seed))

    def load(self, folder: Path) -> Slowed:
        """Read a version that was saved."""
        return Slowed(Untrained().load(folder))


bought = count(Buy, per=Good, over="7d")
mine = count(Buy, per=Visitor, over="ever")
sold = outcome(Buy, within="1h")
ranker = Model(sold, features=[bought, mine, Good.kind, Visitor.country], learner=Slowable())

fresh = Fresh(Good.added_at, take=20)
ranked = Pipeline(fresh, ranker, Top(Look.limit, explore=0.2))
plain = Pipeline(fresh, Rules(bought), Top(Look.limit))

shelf = System(Look, candidate=Good, policy=Fallback(ranked, to=plain, after="100ms"))
