"""Web pages: show a visitor the areas of a site to go to next; learned from who went where."""

from millrace import (
    ALS,
    Array,
    Entity,
    Event,
    Factorized,
    Fallback,
    Freshness,
    Model,
    Pairs,
    Pipeline,
    Ref,
    Request,
    Retrain,
    Rules,
    System,
    Top,
    Trending,
    count,
    feature,
    outcome,
)


class Visitor(Entity):
    """Who comes to the site."""


class Page(Entity):
    """An area of the site."""

    title: str
    url: str


class Visit(Event):
    """A visitor went to a page."""

    visitor: Ref[Visitor]
    page: Ref[Page]


class Look(Request):
    """A visitor asks what else there is to see."""

    visitor: Ref[Visitor]
    limit: int = 10


visits = count(Visit, per=(Visitor, Page), over="30d")


@feature(visits)
def is_new(visits: Array) -> Array:
    """Whether the visitor has not been there; pages that are equally new keep the order of the sources."""
    return visits == 0


visited = outcome(Visit, within="1h")
nearby = Model(visited, learner=ALS(embedding_size=128, confidence=10), examples=Pairs(Visit))

trending = Trending(Visit.page, over="7d", take=100)
ranked = Pipeline(Factorized(nearby, by=Look.visitor, take=100) | trending, Rules(is_new), Top(Look.limit))
popular = Pipeline(trending, Rules(is_new), Top(Look.limit))

pages = System(
    Look,
    candidate=Page,
    policy=Fallback(ranked, to=popular, after="100ms"),
    monitors=[Freshness("1d")],
    retrain=Retrain(every="1d", history="30d"),
)
