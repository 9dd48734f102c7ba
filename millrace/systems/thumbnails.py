"""Artwork for a video: show one that is likely to be clicked, and try those of which too little is known to say."""

from millrace import (
    Arms,
    Drift,
    Entity,
    Event,
    Experiment,
    LogisticBelief,
    Model,
    Pipeline,
    Ref,
    Request,
    Shown,
    System,
    Thompson,
    Top,
    count,
    outcome,
    ratio,
)


class Viewer(Entity):
    """Who is shown cards."""

    country: str


class Video(Entity):
    """What cards are of."""

    topic: str


class Artwork(Entity):
    """What may stand for a video."""

    video: Ref[Video]
    mood: str
    warmth: float
    faces: float
    contrast: float


class Card(Request):
    """A viewer sees the card of a video, in a row of the page: with which artwork?"""

    viewer: Ref[Viewer]
    video: Ref[Video]
    row: int


class Click(Event):
    """A viewer clicked an artwork."""

    viewer: Ref[Viewer]
    artwork: Ref[Artwork]


clicks = count(Click, per=[Artwork, (Viewer, Artwork.mood), (Viewer.country, Artwork.mood)], over=["3d"])
shows = count(Shown[Card, Artwork], per=[Artwork, (Viewer, Artwork.mood), (Viewer.country, Artwork.mood)], over=["3d"])
liked = ratio(clicks[Artwork], shows[Artwork], prior=(3, 30))
taste = ratio(clicks[(Viewer, Artwork.mood), "3d"], shows[(Viewer, Artwork.mood), "3d"], prior=(1, 10))
fashion = ratio(clicks[(Viewer.country, Artwork.mood), "3d"], shows[(Viewer.country, Artwork.mood), "3d"], prior=(10, 100))

clicked = outcome(Click, within="10m")
belief = Model(
    clicked,
    features=[liked, taste, fashion, Artwork.mood, Artwork.warmth, Artwork.faces, Artwork.contrast, Card.row],
    learner=LogisticBelief(decay="3d"),
    updates="15m",
)

artworks = Arms(Artwork.video, of=Card.video)
artful = Pipeline(artworks, belief, Thompson(floor=0.01))
uniform = Pipeline(artworks, Top(1, explore=1.0))

thumbnails = System(
    Card,
    candidate=Artwork,
    policy=Experiment({"bandit": artful, "uniform": uniform}, unit=Card.viewer, shares=(0.8, 0.2)),
    monitors=[Drift(belief)],
)
