"""What another model has learned, declared as a feature."""

import numpy as np
import pytest

from millrace import ALS, Entity, Event, Hashing, Logistic, Model, Pairs, Ref, Request, affinity, encoded, outcome
from millrace.errors import DeclarationError, NotFound
from millrace.features.learned import Learned, completed, plain
from millrace.features.offline import backfill
from millrace.features.plan import plan
from millrace.types import objects
from millrace.walk import digest


class Viewer(Entity):
    country: str


class Video(Entity):
    title: str


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    seconds: float


class Next(Event):
    """From one video on to another."""

    before: Ref[Video]
    after: Ref[Video]


class Refresh(Request):
    viewer: Ref[Viewer]
    video: Ref[Video]


watched, went = outcome(Watch, within="1h"), outcome(Next, within="1h")


def nearby(epochs=10, positive=Watch, **pairs):
    return Model(watched, learner=ALS(epochs=epochs), examples=Pairs(positive, **pairs))


def test_it_is_asked_with_who_asks_and_the_candidate() -> None:
    near = affinity(nearby(), by=Refresh.viewer)
    assert [(name, one.column) for name, one in near.inputs] == [("query", "Refresh.viewer"), ("candidate", "Video.id")]
    onward = Model(went, learner=ALS(), examples=Pairs(Next, query=Next.before, candidate=Next.after))
    assert [one.column for one in affinity(onward, by=Refresh.video).needs] == ["Refresh.video", "Video.id"]


def test_it_is_another_feature_once_its_model_learns_otherwise() -> None:
    models = [nearby(), nearby(epochs=3), nearby(positive=Watch.seconds > 3), nearby(query=Watch.viewer)]
    columns = [affinity(one, by=Refresh.viewer).column for one in models]
    assert len(set(columns)) == len(columns)
    assert affinity(nearby(), by=Refresh.viewer).column == columns[0]
    near = affinity(nearby(), by=Refresh.viewer)
    assert digest(Model(watched, features=[near], learner=Logistic())) == digest(
        Model(watched, features=[affinity(nearby(), by=Refresh.viewer)], learner=Logistic())
    )


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: affinity(Model(watched, features=[Video.title], learner=Logistic()), by=Refresh.viewer), "not a model that recalls"),
        (lambda: affinity(Watch, by=Refresh.viewer), r"affinity\(Watch\): not a model that recalls"),
        (lambda: affinity(nearby(), by=Watch.viewer), r"affinity\(by=Watch.viewer\): not a reference of the Request"),
        (
            lambda: affinity(Model(went, learner=ALS(), examples=Pairs(Next)), by=Refresh.video),
            r"Next refers to 0 others: say which, Pairs\(..., candidate=Next",
        ),
    ],
)
def test_what_has_no_affinity_is_refused(make, said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        make()


class Adding:
    """A version that adds up what it is asked with."""

    def score(self, rows):
        return {"head": sum(np.asarray(column, dtype=np.float64) for column in rows.values())}


def test_what_is_learned_of_what_is_learned_is_asked_for_last() -> None:
    title, country = (next(iter(encoded(field, by=Hashing(1)))) for field in (Video.title, Viewer.country))
    inner = Learned(object(), "head", (("a", title),), "inner")
    outer = Learned(object(), "head", (("b", inner), ("c", country)), "outer")
    asked = plain([country, outer, inner])
    assert [one.column for one in asked] == [country.column, title.column]
    known = {title.column: np.array([1.0, 2.0, np.inf]), country.column: np.array([10.0, 20.0, 30.0])}
    found = completed([outer, country], known, lambda one, rows: one.of(Adding(), rows))
    assert list(found) == ["outer", country.column]
    np.testing.assert_array_equal(found["outer"], [11, 22, np.nan])
    np.testing.assert_array_equal(completed([inner], known, lambda one, rows: one.of(None, rows))["inner"], [np.nan] * 3)


def test_no_engine_makes_up_what_a_version_says() -> None:
    near = affinity(nearby(), by=Refresh.viewer)
    planned = plan(Refresh, Video, [near])
    assert list(planned.features) == ["Refresh.viewer", "Video.id", near.column]
    rows = {"at": np.array([0]), "watermark": np.array([0]), "viewer": objects(["v"]), "video": objects(["x"]), "candidate": objects(["x"])}
    with pytest.raises(NotFound, match="is not in the log, a version says it"):
        backfill(planned, [near], rows, lambda owner, until: {})
