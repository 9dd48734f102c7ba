"""Short-video feed: choose the next videos for a viewer; learn from what is watched to the end."""

from datetime import datetime

import numpy as np

from millrace import (
    ALS,
    Array,
    AtMost,
    Calibration,
    Canary,
    Drift,
    Entity,
    Event,
    Experiment,
    Factorized,
    Fallback,
    Fresh,
    Freshness,
    GradientBoosting,
    Mean,
    Model,
    NonInferior,
    NoRepeats,
    NotWorse,
    OtherSide,
    Pairs,
    Pipeline,
    Ratio,
    Ref,
    Request,
    Retention,
    Retrain,
    Rules,
    Scorecard,
    Shown,
    System,
    Top,
    Trending,
    Weigh,
    count,
    drop,
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
    title: str
    uploaded_at: datetime


class Watch(Event):
    """A viewer saw a video for some seconds, perhaps to its end."""

    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float
    completed: bool


class Like(Event):
    """A viewer liked a video."""

    viewer: Ref[Viewer]
    video: Ref[Video]


class Follow(Event):
    """A viewer follows a creator from now on."""

    viewer: Ref[Viewer]
    creator: Ref[Creator]


class Refresh(Request):
    """A viewer opens the feed, or pulls for more."""

    viewer: Ref[Viewer]
    device: str
    limit: int = 10


plays = count(Watch, per=Video, over=["1h", "1d", "7d"])
shows = count(Shown[Refresh, Video], per=Video, over=["1d", "7d"])
finish = mean(Watch.completed, per=[Video, Video.topic, Video.creator], over=["1d", "7d"])
taste = mean(Watch.completed, per=[(Viewer, Video.topic), (Viewer, Video.creator)], over=["2d", "14d"])
habit = count(Watch, per=(Viewer, Video.topic), over=["6h", "2d", "14d"])
tired = count(Shown[Refresh, Video], per=[(Viewer, Video.topic), (Viewer, Video)], over=["6h", "7d"])
skipping = mean(Watch.seconds < 2, per=Viewer, over="10m")
likes = count(Like, per=Video, over="7d")
follows = count(Follow, per=(Viewer, Creator), over="ever")
looked = ratio(plays["1d"], shows["1d"], prior=(1, 2))


@feature(plays["1h"], plays["7d"])
def heat(hour: Array, week: Array) -> Array:
    """How much faster than its weekly pace the video is played now."""
    return (hour * 168 + 1) / (week + 24)


@feature
def age_hours(at: Array, video: Video) -> Array:
    """How long ago the video was uploaded."""
    return (at - video.uploaded_at) / np.timedelta64(1, "h")


finished = outcome(Watch.completed, within="30m")
liked = outcome(Like, within="1h")

nearby = Model(finished, learner=ALS(embedding_size=24), examples=Pairs(Watch.completed))
ranker = Model(
    finished,
    liked,
    features=[plays, shows, finish, taste, habit, tired, skipping, likes, follows, looked, heat, age_hours, Viewer.country, Video.topic],
    learner=GradientBoosting(trees=250, learning_rate=0.08),
    position=True,
)

trending = Trending(Watch.video, over="1d", take=200)
sources = trending | Fresh(Video.uploaded_at, take=100) | Factorized(nearby, by=Refresh.viewer, take=150, within="40ms")
unseen = NoRepeats(Refresh.viewer, Video, over="1d")
places = Top(Refresh.limit, AtMost(2, per=Video.creator), AtMost(3, per=Video.topic), explore=0.1)
ranked = Pipeline(sources, unseen, ranker, Weigh({finished: 1.0, liked: 1.0}), places)
popular = Pipeline(trending, unseen, Rules(plays["1d"]), Top(Refresh.limit, AtMost(2, per=Video.creator), AtMost(3, per=Video.topic)))
guarded = Fallback(ranked, to=popular, after="150ms")

card = Scorecard(
    Ratio(finished, Refresh, name="finished per visit", within="3d"),
    secondary=[Mean(Watch.seconds, name="seconds watched", within="3d"), Ratio(liked, Refresh, name="liked per visit", within="3d")],
    guardrails=[NonInferior(Retention(Refresh, after="1d", within="3d"), margin=0.03)],
    other_side=[OtherSide(Watch.seconds, per=Video.creator, name="creators", within="3d")],
)

feed = System(
    Refresh,
    candidate=Video,
    policy=Experiment({"popular": popular, "ranked": guarded}, unit=Refresh.viewer, scorecard=card),
    monitors=[Drift(ranker), Calibration(finished), Freshness("6h")],
    retrain=Retrain(
        every="3d",
        on=[Drift, drop("auc", 0.05)],
        gate=NotWorse("ndcg@10"),
        rollout=Canary("25%", "100%", watch="6h"),
        history="7d",
        warmup="3d",
    ),
)
