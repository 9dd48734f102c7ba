"""A system that knows too much: private fields, people who are shown to others, names in the files of its model."""

from millrace import (
    ALS,
    Entity,
    Event,
    Factorized,
    Fallback,
    Model,
    Pairs,
    Pipeline,
    Private,
    Ref,
    Request,
    Rules,
    Shown,
    System,
    Top,
    Trending,
    count,
    feature,
    outcome,
)
from millrace.types import Array


class Member(Entity):
    """Who is here, and who is shown to others."""

    town: str
    email: Private[str] | None = None


class Wave(Event):
    """One member waves at another."""

    by: Ref[Member]
    to: Ref[Member]
    words: Private[str] = ""


class Browse(Request):
    """A member looks who else is there."""

    member: Ref[Member]
    wish: Private[str] = ""


class Report(Event):
    """Something came of an answer."""

    about: Ref[Browse]
    whom: Ref[Member]
    text: Private[str] = ""


Offered = Shown[Browse, Member]
waves = count(Wave, per=Wave.to, over="7d")
offered = count(Offered, per=Offered.candidate, over="7d")


@feature(waves, offered)
def worth(waves: Array, offered: Array) -> Array:
    """Who is waved at without being offered."""
    return waves - 0.01 * offered


reported = outcome(Report, within="1h")
alike = Model(reported, learner=ALS(embedding_size=2, epochs=2), examples=Pairs(Wave, query=Wave.by, candidate=Wave.to))

trending = Trending(Wave.to, over="7d", take=10)
ranked = Pipeline(Factorized(alike, by=Browse.member, take=5) | trending, Rules(worth), Top(3))
plain = Pipeline(trending, Rules(worth), Top(3))
club = System(Browse, candidate=Member, policy=Fallback(ranked, to=plain, after="10s"))
