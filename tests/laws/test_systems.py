"""The reference systems as they are declared, held to the laws of policies on logs of their worlds."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.testing.policies import Case, PolicyLaws
from millrace.types import DAY, HOUR, take
from tests.laws.lives import Life, begun, feed, fraud, thumbnails


def lived(life: Life, until: int, asked: int) -> Case:
    """Let a system live, and stop in the middle of a slice, when half of what happened in it is not known yet."""
    with TemporaryDirectory() as folder, begun(life, Path(folder)) as (engine, live):
        live(until)
        watermark = life.world.start + until - life.slice_length // 2
        events = {stream.__name__: engine.home.log.read(stream) for stream in engine.loaded.plan.streams}
        requests = take(life.world.requests(watermark, watermark + DAY), slice(0, asked))
        return Case(engine.loaded, events, watermark, requests, life.installed, life.versions)


@cache
def feeding() -> Case:
    return lived(feed(), 30 * HOUR, 3)


@cache
def paying() -> Case:
    return lived(fraud(), 20 * DAY, 12)


@cache
def showing() -> Case:
    return lived(thumbnails(), 30 * HOUR, 8)


class TestFeed(PolicyLaws):
    def make(self) -> Case:
        return feeding()


class TestFraud(PolicyLaws):
    def make(self) -> Case:
        return paying()


class TestThumbnails(PolicyLaws):
    def make(self) -> Case:
        return showing()


def test_the_cases_show_what_the_systems_can_do() -> None:
    made = feeding()
    facts = made.facts()
    decided = made.decide(made.requests, facts)
    assert facts.missed == []
    assert set(decided.requests["arm"]) <= {"ranked", "popular"}
    assert decided.taken.sum() > 10
    made = paying()
    assert len(set(made.decide(made.requests, made.facts()).requests["action"])) == 3
    made = showing()
    decided = made.decide(made.requests, made.facts())
    assert set(decided.requests["arm"]) == {"bandit", "uniform"}
    assert decided.taken.sum() == len(made.requests["id"])
    bandits = decided.requests["arm"][decided.rows["request"]] == "bandit"
    assert decided.rows["propensity"][bandits].std() > 0.02, "it does not take all alike"
