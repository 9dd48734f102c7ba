"""Artwork for a video: show one that is likely to be clicked, and try those of which too little is known to say."""

import numpy as np

from millrace import (
    Arms,
    Array,
    Drift,
    Entity,
    Event,
    Experiment,
    LogisticBelief,
    Mean,
    Model,
    NonInferior,
    Pipeline,
    Ratio,
    Ref,
    Request,
    Scorecard,
    Shown,
    System,
    Thompson,
    Top,
    count,
    encoded,
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
    """What may stand for a video: an image of 8 x 8 pixels, three bytes each."""

    video: Ref[Video]
    mood: str
    image: bytes


class Card(Request):
    """A viewer sees the card of a video, in a row of the page: with which artwork?"""

    viewer: Ref[Viewer]
    video: Ref[Video]
    row: int


class Click(Event):
    """A viewer clicked an artwork."""

    viewer: Ref[Viewer]
    artwork: Ref[Artwork]


class Watch(Event):
    """A viewer clicked, and watched the video for a while: less of one that is not what the artwork promised."""

    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float


class Glance:
    """Makes a vector of an image, as seen at a glance: the colour of its middle and of all of it, and how far its brightness varies.

    It learns nothing and fetches nothing. An encoder that knows what images are about, such as an exported network, stands in its place
    with the same four names; whatever is no such image is missing.
    """

    kind = "bytes"
    column = "glance at 8 x 8"
    dimensions = 7

    def encode(self, values: Array) -> Array:
        """See `Encoder.encode`."""
        return np.stack([self._seen(one) for one in values.tolist()])

    def _seen(self, image: bytes) -> Array:
        if len(image) != 8 * 8 * 3:
            return np.full(self.dimensions, np.nan, dtype=np.float32)
        pixels = np.frombuffer(image, np.uint8).reshape(8, 8, 3) / 255
        return np.array([*pixels[2:6, 2:6].mean(axis=(0, 1)), *pixels.mean(axis=(0, 1)), pixels.mean(axis=2).std()], dtype=np.float32)


clicks = count(Click, per=[Artwork, (Viewer, Artwork.mood), (Viewer.country, Artwork.mood)], over=["3d"])
shows = count(Shown[Card, Artwork], per=[Artwork, (Viewer, Artwork.mood), (Viewer.country, Artwork.mood)], over=["3d"])
liked = ratio(clicks[Artwork], shows[Artwork], prior=(3, 30))
taste = ratio(clicks[(Viewer, Artwork.mood), "3d"], shows[(Viewer, Artwork.mood), "3d"], prior=(1, 10))
fashion = ratio(clicks[(Viewer.country, Artwork.mood), "3d"], shows[(Viewer.country, Artwork.mood), "3d"], prior=(10, 100))
look = encoded(Artwork.image, by=Glance())

clicked = outcome(Click, within="10m")
belief = Model(
    clicked,
    features=[liked, taste, fashion, Artwork.mood, look, Card.row],
    learner=LogisticBelief(decay="3d"),
    updates="15m",
)

artworks = Arms(Artwork.video, of=Card.video)
artful = Pipeline(artworks, belief, Thompson(floor=0.01, warmup=100))
uniform = Pipeline(artworks, Top(1, explore=1.0))

card = Scorecard(
    Ratio(clicked, Card, name="clicks per card", within="2d"),
    secondary=[Ratio(Watch.seconds, Card, name="seconds per card", within="2d")],
    guardrails=[NonInferior(Mean(Watch.seconds, name="seconds watched", within="2d"), margin=0.05, relative=True)],
)

thumbnails = System(
    Card,
    candidate=Artwork,
    policy=Experiment({"uniform": uniform, "bandit": artful}, unit=Card.viewer, shares=(0.2, 0.8), scorecard=card),
    monitors=[Drift(belief)],
)
