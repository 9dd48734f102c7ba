"""Sources propose candidates. Several side by side are a union; one that misses its deadline is left out and named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace.decision import Facts
from millrace.errors import DeclarationError, Late, brief
from millrace.features.declare import Aggregate, count
from millrace.schema import Entity, Field, stream_of
from millrace.types import Array, Columns, micros, size, stack, take


class Source:
    """Proposes candidates for requests. `a | b` asks both side by side.

    Attributes:
        within: How long it may take before it is left out. With a time of its own it is asked beside the others, on a thread; None waits
            as long as the request may, and is asked in turn: give one to whatever waits for something outside of the process.
    """

    within: str | None = None

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return `request` (position, ascending) and `candidate`, best first within a request."""
        raise NotImplementedError

    def features(self) -> tuple[Any, ...]:
        """Return the features and attributes it reads, so that the online view keeps them."""
        return ()

    def __or__(self, other: Source) -> Union:
        return Union((*_members(self), *_members(other)))


def _members(source: Source) -> tuple[Source, ...]:
    return source.sources if isinstance(source, Union) else (source,)


def _check_take(name: str, amount: int, within: str | None) -> None:
    if not isinstance(amount, int) or amount < 1:
        raise DeclarationError(f"{name}(take={amount!r}): take is how many candidates to propose, at least 1")
    if within is not None:
        micros(within)


@dataclass(frozen=True, eq=False)
class Trending(Source):
    """The candidates with the most events of a kind in a recent window.

    Attributes:
        of: The event's reference to the candidate: `Watch.video`.
        over: The window.
        take: How many to propose.
    """

    of: Any
    over: str = "6h"
    take: int = 100
    within: str | None = None
    counted: Aggregate = field(init=False)

    def __post_init__(self) -> None:
        _check_take("Trending", self.take, self.within)
        if not isinstance(self.of, Field) or self.of.refers_to is None:
            raise DeclarationError(
                f"Trending({brief(self.of)}): not a reference; name the field that refers to the candidate, such as Watch.video"
            )
        object.__setattr__(self, "counted", count(stream_of(self.of), per=self.of, over=self.over))

    def features(self) -> tuple[Any, ...]:
        """Return the count it ranks by."""
        return (self.counted,)

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return the same candidates for every request: those counted most."""
        ids, _ = facts.index.top(self.counted, self.take)
        return _for_all(ids, size(requests))


@dataclass(frozen=True, eq=False)
class Fresh(Source):
    """The newest candidates.

    Attributes:
        of: The instant attribute that says when one came to be: `Video.uploaded_at`.
        take: How many to propose.
    """

    of: Any
    take: int = 100
    within: str | None = None

    def __post_init__(self) -> None:
        _check_take("Fresh", self.take, self.within)
        if not isinstance(self.of, Field) or self.of.kind != "instant" or not issubclass(self.of.owner, Entity):
            raise DeclarationError(f"Fresh({brief(self.of)}): not an instant attribute of an Entity; name one such as Video.uploaded_at")

    def features(self) -> tuple[Any, ...]:
        """Return the attribute it orders by."""
        return (self.of,)

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return the same candidates for every request: the newest."""
        return _for_all(facts.index.newest(self.of, self.take), size(requests))


@dataclass(frozen=True, eq=False)
class Factorized(Source):
    """The candidates nearest to the asker in a factorised model (such as `ALS`).

    Attributes:
        model: A model whose versions can recall.
        by: The request's reference to who asks: `Refresh.viewer`.
        take: How many to propose.
    """

    model: Any
    by: Any
    take: int = 100
    within: str | None = None

    def __post_init__(self) -> None:
        _check_take("Factorized", self.take, self.within)
        if not hasattr(self.model, "learner"):
            raise DeclarationError(f"Factorized({brief(self.model)}): not a Model; pass one whose learner can recall, such as ALS()")
        if not isinstance(self.by, Field) or self.by.refers_to is None:
            raise DeclarationError(
                f"Factorized(by={brief(self.by)}): not a reference; name the request's field that says who asks, such as Refresh.viewer"
            )

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return each asker's nearest candidates."""
        version: Any = facts.version(self.model)
        found = version.recall(requests[self.by.name], self.take)
        return {"request": found["request"], "candidate": found["candidate"]}


@dataclass(frozen=True, eq=False)
class Arms(Source):
    """Every candidate that belongs to what is asked about: the artworks of a video.

    Attributes:
        having: The candidate's attribute or reference: `Artwork.video`.
        of: The request's field that must equal it: `Card.video`.
    """

    having: Any
    of: Any
    within: str | None = None

    def __post_init__(self) -> None:
        for one in (self.having, self.of):
            if not isinstance(one, Field):
                raise DeclarationError(f"Arms({brief(one)}): not a field; write Arms(Artwork.video, of=Card.video)")

    def features(self) -> tuple[Any, ...]:
        """Return the attribute it selects by."""
        return (self.having,)

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return each request's arms, ordered by id."""
        where, ids = facts.index.having(self.having, requests[self.of.name])
        return {"request": where, "candidate": ids}


@dataclass(frozen=True, eq=False)
class Itself(Source):
    """The request is its one candidate: what is scored and acted upon."""

    within: str | None = None

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return one row per request."""
        return {"request": np.arange(size(requests)), "candidate": requests["id"]}


@dataclass(frozen=True, eq=False)
class Union(Source):
    """Several sources asked side by side. A candidate that several propose keeps the first one's name."""

    sources: tuple[Source, ...]
    within: str | None = None

    def __iter__(self) -> Iterator[Source]:
        return iter(self.sources)

    def propose(self, requests: Columns, facts: Facts) -> Columns:
        """Return all that answered in time, without repeats, grouped by request.

        Raises:
            Late: None did.
        """
        calls = {facts.name(one): _call(one, requests) for one in self.sources}
        got = facts.attempt(calls, {facts.name(one): one.within for one in self.sources})
        if not got:
            raise Late(f"no source answered in time: {', '.join(calls)}")
        rows = stack([{**part, "source": _named(part, name)} for name, part in got.items()])
        rows = take(rows, _first(rows["request"], rows["candidate"], size(requests)))
        return take(rows, np.argsort(rows["request"], kind="stable")) if size(requests) > 1 else rows


def _call(source: Source, requests: Columns) -> Any:
    return lambda facts: source.propose(requests, facts)


def _named(part: Columns, name: str) -> Array:
    return np.full(size(part), name, dtype=object)


def _first(request: Array, candidate: Array, requests: int) -> Array:
    """Return the positions of the first row of each (request, candidate), ascending."""
    n = len(request)
    # Of one request the candidate alone tells rows apart; a pair each would cost more than all else that a union does.
    rows: list[Any] = candidate.tolist() if requests == 1 else list(zip(request.tolist(), candidate.tolist(), strict=True))
    first = dict(zip(reversed(rows), range(n - 1, -1, -1), strict=True))
    return np.sort(np.fromiter(first.values(), dtype=np.int64, count=len(first)))


def _for_all(ids: Array, n: int) -> Columns:
    return {"request": np.repeat(np.arange(n), len(ids)), "candidate": np.tile(ids, n) if n != 1 else ids}
