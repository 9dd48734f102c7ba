"""The laws of the online view, asked across Redis: what is published and read there is what the view says, and what the log says."""

from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace.adapters.redis import publishing
from millrace.errors import Conflict
from millrace.features.online import OnlineView
from millrace.features.parity import compare
from millrace.features.plan import plan
from millrace.types import objects
from tests.adapters.private_redis import PrivateRedis
from tests.adapters.shared import Shared, every_index
from tests.features import test_online
from tests.features.shop import batch, decisions
from tests.laws.test_parity_law import Story, as_of, recompute, stories

# What a snapshot holds and how much memory a state takes is no matter of where it is read.
OF_THE_PROCESS = {
    "test_a_snapshot_is_plain_arrays_and_fits_only_the_features_it_was_made_for",
    "test_the_footprint_names_every_state",
}
LAWS = {
    name: law
    for name, law in vars(test_online).items()
    if name.startswith("test_") and name not in OF_THE_PROCESS and not getattr(law, "pytestmark", ())
}


@pytest.mark.parametrize("name", LAWS)
def test_what_holds_of_the_view_in_process_holds_across_redis(name: str, redis: PrivateRedis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(test_online, "view_of", lambda *features: Shared(plan(test_online.Home, test_online.Clip, features), redis.url))
    LAWS[name]()


def served(story: Story, view: Any) -> list[tuple[int, Any, dict[str, Any]]]:
    """Return what a view says as it follows the log: (watermark, cut or view, values)."""
    found, done, reads = [], 0, dict(story.reads)
    for cut in sorted(story.cuts):
        view.apply(batch(story.log[done:cut]))
        done = cut
        if (watermark := reads.get(cut)) is not None:
            asked = view.cut(watermark) if isinstance(view, Shared) else view
            found.append((watermark, asked, asked.lookup(story.features, asked_rows(story, watermark), watermark)))
    return found


def asked_rows(story: Story, watermark: int) -> Any:
    return decisions(story.request, as_of(story.rows, watermark))


def together(parts: list[tuple[int, Any, dict[str, Any]]]) -> dict[str, Any]:
    return {column: np.concatenate([values[column] for _, _, values in parts]) for column in parts[0][2]}


@given(stories())
@settings(max_examples=120)
def test_what_is_read_is_what_the_view_says_and_what_the_log_says(redis: PrivateRedis, story: Story) -> None:
    planned = plan(story.request, story.candidate, story.features)
    read = together(served(story, Shared(planned, redis.url)))
    own = together(served(story, OnlineView(planned)))
    for column, values in own.items():
        np.testing.assert_array_equal(read[column], values)
        assert read[column].dtype == values.dtype
    assert compare(story.ids, read, recompute(story)) == []


@given(stories())
@settings(max_examples=60)
def test_a_cut_reads_the_same_for_ever_after_whatever_is_published_meanwhile(redis: PrivateRedis, story: Story) -> None:
    view = Shared(plan(story.request, story.candidate, story.features), redis.url)
    parts = served(story, view)
    for watermark, cut, values in parts:
        again = cut.lookup(story.features, asked_rows(story, watermark), watermark)
        for column in values:
            np.testing.assert_array_equal(again[column], values[column])
        assert cut.missed == []
    assert all(a <= b for (a, *_), (b, *_) in pairwise(parts))


def enumerated(story: Story, view: Any, watermark: int) -> list[Any]:
    """Return every enumeration of a view as of a watermark, as plain lists."""
    planned = plan(story.request, story.candidate, story.features)
    indices = every_index(planned)
    found: list[Any] = [[part.tolist() for part in view.top(one, take, watermark)] for one in indices.top for take in (1, 2, 99)]
    found += [view.newest(one, take, watermark).tolist() for one in indices.newest for take in (1, 99)]
    for one in indices.having:
        values = objects(["m1", "k1", "de", None, 1.0, 4.0, 2.0, "k2", float("nan"), "nothing"])
        found.append([part.tolist() for part in view.having(one, values)])
    return found


@given(stories())
@settings(max_examples=60)
def test_what_is_enumerated_is_what_the_view_enumerates_now_and_later(redis: PrivateRedis, story: Story) -> None:
    planned = plan(story.request, story.candidate, story.features)
    shared, own = Shared(planned, redis.url), OnlineView(planned)
    done, reads, cuts = 0, dict(story.reads), []
    for place in sorted(story.cuts):
        shared.apply(batch(story.log[done:place]))
        own.apply(batch(story.log[done:place]))
        done = place
        if (watermark := reads.get(place)) is not None:
            own.advance(watermark)
            cuts.append((shared.cut(watermark), watermark, enumerated(story, own, watermark)))
    for cut, watermark, expected in cuts:
        assert enumerated(story, cut, watermark) == expected
        assert cut.missed == []


class Trouble:
    """A connection to Redis that breaks now and then, before a message arrives or before its answer does; and a Redis that forgets."""

    def __init__(self, client: Any, chance: Random) -> None:
        self._client = client
        self._chance = chance

    def pipeline(self, transaction: bool) -> Any:
        pipe = self._client.pipeline(transaction=transaction)
        execute = pipe.execute
        pipe.execute = lambda: self._broken(execute)
        return pipe

    def _broken(self, execute: Any) -> Any:
        happens = self._chance.random()
        if happens < 0.15:
            raise ConnectionError("before the message arrived")
        if happens < 0.2:
            for key in self._client.scan_iter(match="millrace:trouble:*"):
                self._client.delete(key)
        answer = execute()
        if happens > 0.85:
            raise ConnectionError("before the answer arrived")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@given(stories(), st.integers(0, 2**32).map(Random))
@settings(max_examples=150)
def test_whatever_breaks_while_it_is_published_readers_see_the_truth_or_miss(redis: PrivateRedis, story: Story, chance: Random) -> None:
    planned = plan(story.request, story.candidate, story.features)
    shared, own = Shared(planned, redis.url, name="trouble"), OnlineView(planned)
    shared.publisher._client = Trouble(shared.publisher._client, chance)
    done, reads, cuts = 0, dict(story.reads), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publishing, "_AT_ONCE", 2)
        for place in sorted(story.cuts):
            shared.apply(batch(story.log[done:place]))
            own.apply(batch(story.log[done:place]))
            done = place
            if (watermark := reads.get(place)) is None:
                continue
            own.advance(watermark)
            said = own.lookup(story.features, asked_rows(story, watermark), watermark), enumerated(story, own, watermark)
            published = False
            for _ in range(chance.choice((1, 100))):  # at times it is not tried again before there is something new
                with suppress(ConnectionError, Conflict):
                    shared.publish(watermark)
                    published = True
                    break
            if published:
                cuts.append((shared.reader.cut(), watermark, said))
            for cut, at, (values, listed) in cuts:
                if cut.generation is None or cut.missed:
                    continue
                again = cut.lookup(story.features, asked_rows(story, at), at), enumerated(story, cut, at)
                if not cut.missed:
                    assert compare(objects(map(str, range(99)))[: len(story.rows)], again[0], values) == []
                    assert again[1] == listed
            assert not published or not cuts[-1][0].missed, "what was published last is there"
