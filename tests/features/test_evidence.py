"""The events behind a value are those of the definitions, as of any instant, whatever the log looks like."""

import numpy as np
import pytest
from hypothesis import given, settings

from millrace.errors import DeclarationError
from millrace.features.declare import Aggregate, count, feature
from millrace.features.evidence import behind, keys_of
from millrace.features.plan import plan
from millrace.types import SECOND
from tests.features.naive import Oracle, Record, Row
from tests.features.shop import Browse, Item, Look, Person, batch, same
from tests.laws.test_parity_law import Story, stories


def chunks(log: list[Record], watermark: int, at_once: int = 3):
    known = [record for record in log if record.known < watermark]
    for start in range(0, len(known), at_once):
        yield {name: of for name, of in batch(known[start : start + at_once]).items() if len(of["known"])}


def explained(story: Story, one: Aggregate, row: Row, keys: list):
    narrow = plan(story.request, story.candidate, [one])
    given = dict(zip(keys_of(narrow), keys, strict=True))
    return behind(narrow, one.column, given, row.watermark, chunks(story.log, row.watermark))


@given(stories())
@settings(max_examples=60, deadline=None)
def test_value_and_events_are_those_of_the_definitions(story):
    oracle = Oracle(story.request, story.candidate, story.log)
    for one in (one for one in story.features if isinstance(one, Aggregate)):
        for row in story.asked[:3]:
            keys = [oracle._on_row(key, row) for key in one.per]
            if None in keys:
                continue
            found = explained(story, one, row, keys)
            assert same(found.value, oracle.value(one, row))
            [part] = found.parts
            expected = oracle.events(one, row)
            assert part.events["position"].tolist() == [event.position for event in expected]
            assert one.value is None or part.values == pytest.approx([oracle._said(one.of, event) for event in expected])


def test_a_function_that_reads_the_request_cannot_be_explained_by_keys_alone():
    @feature(count(Look, per=Item, over="1m"))
    def asked(looks, browse: Browse):
        return looks * (browse.device == "d1")

    narrow = plan(Browse, Item, [asked])
    with pytest.raises(DeclarationError, match=r"Browse\.device is read of a row, and no key says which"):
        behind(narrow, asked.column, {"Item": "i1"}, SECOND, iter(()))


def test_nothing_known_is_a_value_too():
    looks = count(Look, per=(Person, Item), over="1m")
    found = behind(plan(Browse, Item, [looks]), looks.column, {"Person": "p1", "Item": "i1"}, SECOND, iter(()))
    assert (found.value, len(found.parts[0].events["id"])) == (0, 0)
    assert np.array_equal(found.parts[0].lo, -59 * SECOND)
