"""The one contract: a policy turns requests into decisions, given the facts. Both halves of the house meet here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np

from millrace.types import Array, Columns, blank, runs, size, stack, take

NOT_TAKEN = -1
"""The rank of a candidate that was considered and not taken."""

DECAY = 3  # in probabilistic interleaving an arm draws its r-th candidate, from 1, in proportion to r ** -DECAY; logs rest on it

FORGOTTEN = "(forgotten)"
"""What stands where somebody was named who was forgotten since; nothing is counted, learned or recalled by it."""


@dataclass(frozen=True)
class Decisions:
    """What was decided for a batch of requests.

    Attributes:
        requests: A row per request: its own fields with `id` and `at`, then `policy`, `arm`, `arm_share`, `action`, `answer`, `missed`
            as the stages fill them in.
        rows: A row per candidate considered, grouped by `request` (its position in `requests`, ascending): `candidate`, `source`,
            the models' heads, `score`, `rank` (0 is the best place, -1 is not taken) and `propensity` (the chance that it would be taken).
    """

    requests: Columns
    rows: Columns

    @property
    def starts(self) -> Array:
        """Where each request's rows start, with the end after the last. Shape (requests + 1,)."""
        return runs(self.rows["request"], size(self.requests))

    @property
    def taken(self) -> Array:
        """Which rows were taken. Boolean, shape (rows,)."""
        return self.rows["rank"] != NOT_TAKEN if "rank" in self.rows else np.zeros(size(self.rows), dtype=bool)

    def with_rows(self, **columns: Array) -> Decisions:
        """Return the same decisions with columns of the rows added or replaced."""
        return Decisions(self.requests, {**self.rows, **columns})

    def with_requests(self, **columns: Array) -> Decisions:
        """Return the same decisions with columns of the requests added or replaced."""
        return Decisions({**self.requests, **columns}, self.rows)

    def keep(self, mask: Array) -> Decisions:
        """Return the decisions with only the rows that `mask` marks. Boolean, shape (rows,)."""
        return Decisions(self.requests, take(self.rows, mask))


@runtime_checkable
class Scorer(Protocol):
    """A trained version of a model, as far as a policy needs to know it."""

    def score(self, rows: Columns) -> Columns:
        """Return a column per outcome the version predicts, in the order of `rows`."""
        ...


class Index(Protocol):
    """What the online view can enumerate: the ground that sources stand on."""

    def top(self, aggregate: Any, take: int) -> tuple[Array, Array]:
        """Return the keys with the greatest positive values of an aggregate, greatest first (ties by id), and the values."""
        ...

    def newest(self, field: Any, take: int) -> Array:
        """Return the ids of the entities whose instant `field` is latest and not after the watermark, latest first."""
        ...

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        """Return (position in `values`, ascending; id) of every entity whose `field` has that value."""
        ...


class Facts(Protocol):
    """All a decision may depend on besides its requests: what was known, what is installed, what answered in time."""

    @property
    def watermark(self) -> int:
        """The instant this batch is decided as of: events known before it are seen, all others are not. Microseconds."""
        ...

    def lookup(self, features: Sequence[Any], d: Decisions) -> dict[str, Array]:
        """Return an array per feature by its `column`, aligned to `d.rows`. Request-keyed features are fetched once and broadcast."""
        ...

    @property
    def index(self) -> Index:
        """What sources propose from, as of the watermark."""
        ...

    def version(self, model: Any) -> Scorer:
        """Return the installed version of a model. Raises `Late` while there is none."""
        ...

    def threshold(self, chooser: Any, action: str) -> float:
        """Return the score from which a chooser takes an action: learned when the release was gated. Raises `Late` while there is none."""
        ...

    @property
    def missed(self) -> Sequence[str]:
        """What these facts were asked for and did not answer in time, so far."""
        ...

    def apart(self) -> Facts:
        """Return the same facts with misses of their own, for a part of the requests: what misses there is no miss of the others."""
        ...

    def attempt(self, calls: Mapping[str, Callable[[Facts], Any]], within: Mapping[str, str | None]) -> dict[str, Any]:
        """Run calls, each with facts that know its deadline; return those that answered, and record those that did not.

        Args:
            calls: What to run, by name.
            within: How long each may take, such as "40ms". Those run side by side, and who is late is left out; None, or no entry, is
                for what needs no time of its own: it runs on the caller's thread.
        """
        ...

    def pinned(self, release: Mapping[Any, str], named: str = "") -> Facts:
        """Return the same facts with other versions installed, those of the release named where it has a name."""
        ...

    def recalled(self, policy: Any, by: Sequence[str], requests: Columns, life: int) -> Sequence[Decision | None]:
        """Return for each request a decision that may be repeated on it, None where there is none.

        It was made by that policy under the same release, on a request of which the fields `by` are equal, as of an instant no more than
        `life` microseconds before the watermark; it was known before the watermark, and whole: it missed nothing, and repeats no other.
        """
        ...

    def chance(self, name: str, ids: Array) -> Array:
        """Return a number in [0, 1) per id, derived from (seed, name, id) and nothing else."""
        ...

    def name(self, declaration: Any) -> str:
        """Return the name a declaration is bound to in the user's module."""
        ...

    def kept(self, experiment: Any) -> str:
        """Return the arm that everyone gets since an experiment is over, "" while it is not."""
        ...


class Policy(Protocol):
    """Whatever answers requests. Whatever wraps a policy is a policy too."""

    def decide(self, requests: Columns, facts: Facts) -> Decisions:
        """Return a decision for each request, in their order."""
        ...


def merge(parts: Sequence[tuple[Array, Decisions]], n: int) -> Decisions:
    """Put the decisions of disjoint groups of requests back in request order.

    Args:
        parts: For each group, the positions of its requests in the whole (ascending) and its decisions.
        n: The number of requests in the whole.
    """
    where = np.concatenate([index for index, _ in parts])
    requests = take(stack([part.requests for _, part in parts]), np.argsort(where))
    rows = stack([{**part.rows, "request": index[part.rows["request"]]} for index, part in parts])
    assert len(where) == n, "the groups must cover every request"
    return Decisions(requests, take(rows, np.argsort(rows["request"], kind="stable")))


def broadcast(per_request: Array, d: Decisions) -> Array:
    """Return a request's value on each of its rows."""
    return per_request[d.rows["request"]]


def filled(d: Decisions, name: str, like: Array) -> Array:
    """Return a column of the rows, or missing values where no stage has written it."""
    return d.rows[name] if name in d.rows else blank(like, size(d.rows))


class Interleaved(msgspec.Struct, frozen=True, kw_only=True):
    """How a slate was merged out of those of several arms: all that is needed to credit them with what comes of it.

    Attributes:
        by: "team-draft", "balanced" or "probabilistic".
        team: Whose pick each place is, best first; "" is nobody's: it lies below the places that all arms could compete for.
        ranks: By arm, at which place its own slate had each row taken, from 0; `NOT_TAKEN` where it had not.
        depths: By arm, how many rows its own slate had.
    """

    by: str
    team: list[str]
    ranks: dict[str, list[int]]
    depths: dict[str, int]


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One decision as it stands in the log: from it anyone can rebuild it, explain it and judge another policy on it.

    Attributes:
        id: The id of the request it answers; that request is an event of its own in the same log.
        at: When it was asked, microseconds since 1970 UTC.
        system: The system that decided.
        release: The release (model versions, thresholds, declaration hash) it was decided with.
        watermark: Events known before this instant were seen, all others not.
        policy: The pipeline that answered; `history` for imported history.
        arm: The experiment's or canary's arm, "" outside any; `arm_share` is the chance of it.
        action: What was done, for systems that act; "shown" for those that rank.
        answer: Text for systems that answer.
        missed: What did not answer in time and was left out; replay leaves it out too.
        shadow: What a shadow policy would have taken (candidates, or its action), best first; it never answers.
        repeats: The id of the decision whose answer this is again, "" where it was decided anew. Of such a decision only what was taken is
            recorded, and no features: it was certain, and nothing was computed.
        interleaved: How the rows taken were merged out of several policies' slates; None where one policy chose them.
        took_us: How long it took to decide, in microseconds of the server's clock; 0 where it was not timed alone, and in any replay.
        candidate: Rows taken, best first, then all others considered. `taken` counts the first kind.
        source: Which source proposed each.
        score: What the chooser ordered them by.
        propensity: The chance that each would be taken, NaN (null) when unknown.
        heads: The models' outputs on the rows taken, by outcome.
        features: The features' values on the rows taken, by column.
    """

    id: str
    at: int
    system: str
    watermark: int
    release: str = ""
    policy: str = ""
    arm: str = ""
    arm_share: float = 1.0
    action: str = ""
    answer: str = ""
    missed: list[str] = []
    shadow: list[str] = []
    repeats: str = ""
    interleaved: Interleaved | None = None
    took_us: int = 0
    taken: int = 0
    candidate: list[str] = []
    source: list[str] = []
    score: list[float | None] = []
    propensity: list[float | None] = []
    heads: dict[str, list[float | None]] = {}
    features: dict[str, list[Any]] = {}
