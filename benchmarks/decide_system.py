"""A feed of 500 candidates, 30 features and 300 trees: what `decide.py` measures."""

from datetime import datetime

import numpy as np

from millrace import (
    Array,
    AtMost,
    Entity,
    Event,
    Fallback,
    Fresh,
    GradientBoosting,
    Model,
    NoRepeats,
    Pipeline,
    Ref,
    Request,
    Rules,
    Shown,
    System,
    Top,
    Trending,
    Weigh,
    count,
    feature,
    mean,
    outcome,
    ratio,
)


class Creator(Entity):
    """Who uploads."""

    country: str


class Viewer(Entity):
    """Who watches."""

    country: str


class Video(Entity):
    """What is watched."""

    creator: Ref[Creator]
    topic: str
    uploaded_at: datetime


class Watch(Event):
    """A viewer saw a video."""

    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool


class Refresh(Request):
    """A viewer opens the feed."""

    viewer: Ref[Viewer]
    limit: int = 20


plays = count(Watch, per=Video, over=["1h", "6h", "1d", "7d"])
shows = count(Shown[Refresh, Video], per=Video, over=["1d", "7d"])
finish = mean(Watch.completed, per=[Video, Video.topic, Video.creator], over=["1d", "7d"])
taste = mean(Watch.completed, per=[(Viewer, Video.topic), (Viewer, Video.creator)], over=["2d", "14d"])
habit = count(Watch, per=[(Viewer, Video.topic), (Viewer, Video.creator)], over=["6h", "14d"])
tired = count(Shown[Refresh, Video], per=(Viewer, Video.topic), over="6h")
skipping = mean(Watch.seconds < 2, per=Viewer, over=["10m", "1d"])
looked = ratio(plays["1d"], shows["1d"], prior=(1, 2))


@feature(plays["1h"], plays["7d"])
def heat(hour: Array, week: Array) -> Array:
    """How much faster than its weekly pace the video is played now."""
    return (hour * 168 + 1) / (week + 24)


@feature
def age_hours(at: Array, video: Video) -> Array:
    """How long ago the video was uploaded."""
    return (at - video.uploaded_at) / np.timedelta64(1, "h")


@feature
def hour_of_day(at: Array) -> Array:
    """The hour, 0 to 23."""
    return (at - at.astype("datetime64[D]")) // np.timedelta64(1, "h")


finished = outcome(Watch.completed, within="30m")
ranker = Model(
    finished,
    features=[
        plays,
        shows,
        finish,
        taste,
        habit,
        tired,
        skipping,
        looked,
        heat,
        age_hours,
        hour_of_day,
        Viewer.country,
        Video.topic,
        Video.creator,
    ],
    learner=GradientBoosting(trees=300, patience=None),
)
sources = Trending(Watch.video, over="7d", take=300) | Fresh(Video.uploaded_at, take=227)
unseen = NoRepeats(Refresh.viewer, Video)
places = Top(Refresh.limit, AtMost(2, per=Video.creator), AtMost(4, per=Video.topic), explore=0.02)
ranked = Pipeline(sources, unseen, ranker, Weigh({finished: 1.0}), places)
popular = Pipeline(sources, unseen, Rules(plays["1d"]), places)
feed = System(Refresh, candidate=Video, policy=Fallback(ranked, to=popular, after="1s"))
