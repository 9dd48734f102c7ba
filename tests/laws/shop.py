"""A shop and a till for the laws: what has happened there, what is still to come, and what is asked in between."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
import numpy as np

from millrace import (
    ALS,
    Array,
    Entity,
    Event,
    Factorized,
    Fresh,
    GradientBoosting,
    Logistic,
    Model,
    NoRepeats,
    Pairs,
    Ref,
    Request,
    Shown,
    System,
    Trending,
    count,
    feature,
    last,
    mean,
    outcome,
    total,
)
from millrace.decision import Decision
from millrace.loaded import Loaded
from millrace.log.streams import codec_of
from millrace.module.names import names
from millrace.schema import shows
from millrace.serve.facts import Installed
from millrace.testing.policies import Case
from millrace.testing.scorers import Weighted
from millrace.types import DAY, HOUR, MINUTE, SECOND, Columns, instant, moment, objects, size, take


class Visitor(Entity):
    """Who comes by."""

    country: str


class Good(Entity):
    """What is sold."""

    kind: str
    maker: str
    added_at: datetime


class Buy(Event):
    """A visitor bought."""

    visitor: Ref[Visitor]
    good: Ref[Good]
    cents: int


class Look(Request):
    """A visitor looks at a kind of goods."""

    visitor: Ref[Visitor]
    kind: str
    limit: int = 3


class Payment(Request):
    """A visitor pays."""

    visitor: Ref[Visitor]
    cents: int


class Dispute(Event):
    """It was not them."""

    payment: Ref[Payment]


bought = count(Buy, per=Good, over=["1h", "7d"])
by_kind = count(Buy, per=(Visitor, Good.kind), over="ever")
dear = mean(Buy.cents, per=Good.maker, over="1d")
latest = last(Buy.cents, per=Visitor)
looks = count(Look, per=Visitor, over="1d")
seen = count(Shown[Look, Good], per=Good, over="1d")
paid = total(Payment.cents, per=Visitor, over="1d")
burnt = count(Dispute, per=Payment.visitor, over="7d")


@feature(bought["1h"], bought["7d"])
def heat(hour: Array, week: Array, at: Array, good: Good) -> Array:
    """How much faster than usual it is bought, and how new it is."""
    return (hour * 168 + 1) / (week + 24) + (at - good.added_at) / np.timedelta64(1000, "D")


sold = outcome(Buy, within="1h")
paired = Model(sold, learner=ALS(embedding_size=4), examples=Pairs(Buy))
ranker = Model(sold, features=[bought, by_kind, dear, latest, looks, seen, heat, Good.kind, Visitor.country], learner=GradientBoosting())
unlearned = Model(sold, learner=ALS(embedding_size=8), examples=Pairs(Buy))
disputed = outcome(Dispute, within="1d", seen_if="approve")
risk = Model(disputed, features=[paid, burnt, looks, Payment.cents, Visitor.country], learner=Logistic())

NOW = instant(datetime(2026, 3, 1, 12, tzinfo=UTC))
VISITORS = tuple(f"v{n}" for n in range(5))
GOODS = tuple(f"g{n}" for n in range(14))
KINDS = ("toy", "book", "tool")

trending, fresh, unseen = Trending(Buy.good, over="7d", take=6), Fresh(Good.added_at, take=5), NoRepeats(Look.visitor, Good, over="1d")
nearby, missing = Factorized(paired, by=Look.visitor, take=6), Factorized(unlearned, by=Look.visitor, take=6)


@cache
def happened() -> dict[str, Columns]:
    """Return the log: a week before NOW and a day after it; word of one event in five comes hours late."""
    g = np.random.default_rng(7)
    lines: list[tuple[int, Any]] = [(NOW - 9 * DAY + n, Visitor(id=one, country=("nl", "de")[n % 2])) for n, one in enumerate(VISITORS)]
    for n, one in enumerate(GOODS):
        at = NOW - 8 * DAY + n * 14 * HOUR
        lines.append((at + 10 * n, Good(id=one, kind=KINDS[n % 3], maker=f"m{n % 4}", added_at=moment(at))))
    lines.append((NOW + HOUR, Good(id="g3", kind="tool", maker="m9", added_at=moment(NOW - HOUR))))
    lines.append((NOW - 1, Good(id="g5", kind="toy", maker="m0", added_at=moment(NOW + HOUR))))
    for n in range(220):
        at = NOW - 7 * DAY + int(g.integers(0, 8 * DAY)) if n % 3 else NOW - int(g.integers(-MINUTE, 2 * HOUR))
        known = at + (int(g.integers(0, 4 * HOUR)) if n % 5 == 0 else int(g.integers(0, MINUTE)))
        visitor, good = str(g.choice(VISITORS)), str(g.choice(GOODS))
        kind = n % 4
        if kind < 2:
            lines.append((known, Buy(id=f"b{n}", at=moment(at), visitor=visitor, good=good, cents=int(g.integers(1, 500)))))
        elif kind == 2:
            lines.append((known, Payment(id=f"p{n}", at=moment(at), visitor=visitor, cents=int(g.integers(1, 900)))))
            lines.append((known + HOUR, Dispute(id=f"d{n}", at=moment(at + 50 * MINUTE), payment=f"p{n}")))
        else:
            lines.append((known, Look(id=f"l{n}", at=moment(at), visitor=visitor, kind=KINDS[n % 3])))
    return _streams(sorted(lines, key=lambda line: line[0]), g)


def _streams(lines: list[tuple[int, Any]], g: np.random.Generator) -> dict[str, Columns]:
    """Return lines of the log as columns by stream; every look was shown two goods when it was known."""
    found: dict[str, Columns] = {}
    for of in (Visitor, Good, Buy, Payment, Dispute, Look):
        mine = [(position, known, item) for position, (known, item) in enumerate(lines) if type(item) is of]
        columns = codec_of(of).columns([item for _, _, item in mine])
        known = np.array([known for _, known, _ in mine])
        columns["at"] = known if issubclass(of, Entity) else columns["at"]
        found[of.__name__] = {**columns, "known": known, "position": np.array([position for position, _, _ in mine])}
    asked = take(found["Look"], np.repeat(np.arange(size(found["Look"])), 2))
    n = size(asked)
    candidate, rank = objects(str(one) for one in g.choice(GOODS, n)), np.tile([0, 1], n // 2)
    shown = {**asked, "request": asked["id"], "candidate": candidate, "rank": rank, "action": objects(["shown"] * n)}
    shown["id"] = objects(f"{one}/{place}" for one, place in zip(asked["id"], rank, strict=True))
    return {**found, "Shown[Look, Good]": shown}


def looking(n: int = 6) -> Columns:
    """Return requests for goods, the last by nobody that is known and about a kind that nothing is of."""
    asked = [
        Look(id=f"now{i}", at=moment(NOW - i), visitor=VISITORS[i % len(VISITORS)], kind=KINDS[i % 3], limit=(3, 2, 5, 1)[i % 4])
        for i in range(n - 1)
    ]
    return codec_of(Look).columns([*asked, Look(id="stranger", at=moment(NOW), visitor="nobody", kind="nothing")])


def paying(n: int = 8) -> Columns:
    """Return payments, the last by nobody that is known."""
    asked = [Payment(id=f"pay{i}", at=moment(NOW - i), visitor=VISITORS[i % len(VISITORS)], cents=130 * i) for i in range(n - 1)]
    return codec_of(Payment).columns([*asked, Payment(id="stranger", at=moment(NOW), visitor="nobody", cents=10**6)])


INSTALLED = Installed(
    release="r1",
    versions={"ranker": "ranker-1", "risk": "risk-1", "paired": "paired-1"},
    thresholds={"chooser/decline": 0.558, "chooser/review": 0.47},
)
VERSIONS = {
    **{f"ranker-{n}": Weighted(f"ranker-{n}", ranker_heads := tuple(ranker.heads)) for n in (1, 2)},
    **{f"risk-{n}": Weighted(f"risk-{n}", tuple(risk.heads)) for n in (1, 2)},
    "paired-1": Weighted("paired-1", ranker_heads, ids=GOODS),
}


class _Bound(msgspec.Struct):
    name: str
    value: Any


def declared(policy: Any, request: type = Look, **bound: Any) -> Loaded:
    """Return the system of a policy, loaded; models, sources and what is given by name are called so."""
    system = System(request, candidate=Good if request is Look else None, policy=policy)
    own = {"paired": paired, "ranker": ranker, "risk": risk, "unlearned": unlearned, "trending": trending, "fresh": fresh}
    own |= {"nearby": nearby, "missing": missing, "unseen": unseen, **bound}
    return Loaded("", "shop", system, names("shop", system, [_Bound(name, one) for name, one in own.items()]), {}, ())  # type: ignore[arg-type]


def case(policy: Any, request: type = Look, *, requests: Columns | None = None, earlier: Any = (), **bound: Any) -> Case:
    """Return the case of a policy in the shop, or at the till."""
    asked = requests if requests is not None else looking() if request is Look else paying()
    loaded = declared(policy, request, **bound)
    return Case(loaded, events_of(loaded), NOW, asked, INSTALLED, VERSIONS, earlier=earlier)


def answered(visitor: str, limit: int, ago: int = SECOND, **other: Any) -> tuple[int, dict[str, Any], Decision]:
    """Return what `ranked` decided for a visitor some microseconds before NOW, known a little later, with other fields where given."""
    taken = list(GOODS[: min(limit, 2)])
    own = {"release": "r1", "policy": "ranked", "taken": len(taken), "candidate": taken, "source": ["fresh"] * len(taken)}
    own |= {"id": f"{visitor} {ago} ago", "at": NOW - ago, "system": "shop", "watermark": NOW - ago, "score": [0.5] * len(taken)}
    return NOW - ago + 1000, {"visitor": visitor, "limit": limit}, Decision(**{**own, **other})


def events_of(loaded: Loaded) -> Mapping[str, Columns]:
    """Return the streams that a system reads."""
    told = happened()
    return {stream.__name__: told[stream.__name__] for stream in loaded.plan.streams if shows(stream) or stream.__name__ in told}
