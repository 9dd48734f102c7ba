"""A kiosk: papers laid out for readers. Three models learn: from what was laid out, from what was read, and from what an editor says."""

from __future__ import annotations

from datetime import datetime

from millrace import (
    ALS,
    Entity,
    Event,
    Factorized,
    Fallback,
    Fresh,
    GradientBoosting,
    Judged,
    Logistic,
    Model,
    Pairs,
    Pipeline,
    Ref,
    Request,
    Rules,
    System,
    Top,
    count,
    mean,
    outcome,
)


class Reader(Entity):
    """Who stands before the kiosk."""

    town: str


class Paper(Entity):
    """What is laid out."""

    topic: str
    quality: float
    printed_at: datetime


class Read(Event):
    """A reader read a paper for some minutes."""

    reader: Ref[Reader]
    paper: Ref[Paper]
    minutes: float


class Visit(Request):
    """A reader comes by."""

    reader: Ref[Reader]


class Verdict(Event):
    """An editor says whether a paper was right for a visit."""

    visit: Ref[Visit]
    paper: Ref[Paper]
    good: bool


reads = count(Read, per=Paper, over="1h")
long = mean(Read.minutes > 5, per=Paper.topic, over="6h")
visits = count(Visit, per=Reader, over="ever")

opened = outcome(Read, within="10m")
liked = outcome(Read.minutes > 5, within="10m")
fitting = outcome(Verdict.good, within="1d")

ranker = Model(
    opened, liked, features=[Paper.quality, Paper.topic, reads, long, visits], learner=GradientBoosting(trees=8, min_rows=5), position=True
)
finder = Model(opened, learner=ALS(embedding_size=4, epochs=3), examples=Pairs(Read.minutes > 2))
critic = Model(fitting, features=[Paper.quality, reads, Reader.town], learner=Logistic(), examples=Judged(Verdict))

found = Factorized(finder, by=Visit.reader, take=20)
fresh = Fresh(Paper.printed_at, take=20)
ranked = Pipeline(found | fresh, ranker, Top(3, explore=0.5))
fitted = Pipeline(fresh, critic, Top(3))
plain = Pipeline(fresh, Rules(reads), Top(3))

kiosk = System(Visit, candidate=Paper, policy=Fallback(Fallback(ranked, to=fitted, after="1s"), to=plain, after="1s"))
