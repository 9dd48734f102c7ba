"""Walking declarations, and the hash of what they are."""

from dataclasses import dataclass

import pytest

from millrace.errors import DeclarationError
from millrace.features.declare import count, feature, ratio
from millrace.models.declare import Model, outcome
from millrace.models.logistic import Logistic
from millrace.policy.pipeline import Pipeline
from millrace.policy.sources import Itself, Trending
from millrace.policy.stages import Rules, Weigh
from millrace.policy.top import Top
from millrace.policy.wrappers import Experiment
from millrace.schema import Entity, Event, Ref, Request
from millrace.walk import digest, is_declaration, reachable


class Viewer(Entity):
    country: str


class Video(Entity):
    topic: str


class Watch(Event):
    viewer: Ref[Viewer]
    video: Ref[Video]
    completed: bool


class Refresh(Request):
    viewer: Ref[Viewer]


plays = count(Watch, per=Video, over=["1h", "7d"])
finished = outcome(Watch.completed, within="30m")
ranker = Model(finished, features=[plays], learner=Logistic())
trending = Trending(Watch.video)
ranked = Pipeline(trending, ranker, Weigh({finished: 1}), Top(5))
popular = Pipeline(trending, Rules(plays["1h"]), Top(5))
policy = Experiment({"ranked": ranked, "popular": popular}, unit=Refresh.viewer)


def test_everything_inside_is_reached_once_and_after_what_holds_it():
    found = list(reachable(policy))
    assert len({id(one) for one in found}) == len(found)
    places = {id(one): place for place, one in enumerate(found)}
    for inner, holder in [(ranked, policy), (popular, policy), (trending, ranked), (ranker, ranked), (finished, ranker)]:
        assert places[id(inner)] > places[id(holder)]
    assert {id(one) for one in plays} <= places.keys()


def test_needs_of_functions_and_ratios_are_reached():
    pull = ratio(plays["1h"], plays["7d"])

    @feature(pull)
    def doubled(one):
        return one * 2

    assert [id(one) for one in reachable(doubled) if is_declaration(one) and hasattr(one, "op")] == [id(plays["1h"]), id(plays["7d"])]


def test_classes_and_plain_values_are_no_declarations():
    assert not any(is_declaration(one) for one in (Watch, Logistic, 3, "a", None, Watch.completed))
    assert is_declaration(Logistic())


def same():
    return (
        Pipeline(Trending(Watch.video), Model(finished, features=[plays], learner=Logistic()), Top(5)),
        Pipeline(Trending(Watch.video), Model(finished, features=[plays], learner=Logistic()), Top(5)),
    )


def test_declarations_that_say_the_same_have_one_digest():
    first, second = same()
    assert digest(first) == digest(second)
    assert len(digest(first)) == 10


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Top(5), Top(6)),
        (Top(5), Top(5, explore=0.1)),
        (Trending(Watch.video), Trending(Watch.viewer)),
        (Trending(Watch.video), Trending(Watch.video, within="40ms")),
        (Logistic(), Logistic(reg=2.0)),
        (Weigh({finished: 1}), Weigh({finished: 2})),
        (outcome(Watch.completed, within="30m"), outcome(Watch.completed, within="31m")),
        (plays["1h"], plays["7d"]),
        (Pipeline(Itself(), Top(1)), Pipeline(Itself(), Rules(plays["1h"]), Top(1))),
        (Watch, Refresh),
        ("1", 1),
        ((1, (2, 3)), (1, 2, 3)),
    ],
)
def test_declarations_that_differ_have_different_digests(first, second):
    assert digest(first) != digest(second)


def test_the_order_of_a_mapping_does_not_change_a_digest():
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})


class Opaque:
    def fit(self, examples, seed): ...


@dataclass(frozen=True)
class Clear:
    depth: int

    def fit(self, examples, seed): ...


def test_settings_that_cannot_be_read_are_refused():
    with pytest.raises(DeclarationError, match="Opaque holds settings that cannot be read: write it as a frozen dataclass"):
        digest(Model(finished, features=[plays], learner=Opaque()))


def test_a_learner_of_the_users_own_is_told_by_its_settings():
    first, second, third = (digest(Model(finished, features=[plays], learner=Clear(depth))) for depth in (3, 3, 4))
    assert first == second != third
