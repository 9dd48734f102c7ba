"""Which values a key's events have: what may be declared, and what both engines and the definitions make of it."""

import math

import pytest

from millrace.errors import DeclarationError
from millrace.features.declare import Family, count, maximum, total
from millrace.features.declare_values import distinct, median, quantile, top_k
from millrace.features.hyperloglog import STANDARD_ERROR
from millrace.features.plan import plan
from tests.features.naive import Record
from tests.features.shop import Browse, Item, Look, Person
from tests.features.test_traps import WINDOW, both, look


def told(item, **fields):
    """Return what is told of an item before all else."""
    return Record(Item, {"id": item, "maker": None, "genre": None, "price": None, "stock": None, "born": 0} | fields, 0, 0)


def planned(one):
    return plan(Browse, Item, [one])


def test_settings_are_part_of_what_a_feature_is():
    assert distinct(Look.note, per=Item, over="ever").column == "distinct[1024](Look.note) per (Item) over ever"
    assert median(Look.cents, per=Item, over="ever").column == "quantile[256, 0.5](Look.cents) per (Item) over ever"
    top = top_k(Look.note, 2, per=[Item, Person], over=["1h", "ever"])
    assert isinstance(top, Family)
    assert top[Item, "ever", 2].column == "top_k[2, 2](Look.note) per (Item) over ever"
    assert len(plan(Browse, Item, list(top[Item, "1h"])).states) == 1


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: distinct(Look, per=Item, over="1h"), r"distinct\(\): Look is an event, not a value"),
        (lambda: distinct(Look.note, per=Item, over="1h", exact=-1), r"exact=-1 is not up to how many .* write a whole number to 65536"),
        (lambda: distinct(Look.note, per=Item, over="1h", exact=10**6), "exact=1000000 is not"),
        (lambda: top_k(Look.note, 0, per=Item, over="1h"), r"top_k\(\): k=0 is not how many"),
        (lambda: quantile(Look.cents, 95, per=Item, over="1h"), r"quantile\(\): q=95 is not a share between 0 and 1, such as 0.95"),
        (lambda: quantile(Look.cents, 1.0, per=Item, over="1h"), r"use minimum\(\) and maximum\(\)"),
        (lambda: quantile(Look.cents, math.nan, per=Item, over="1h"), "q=nan is not a share"),
        (lambda: median(Look.cents, per=Item, over="1h", exact=2.5), r"exact=2.5 is not of up to how many events"),
        (lambda: planned(median(Look.note, per=Item, over="1h")), "Look.note is text, which has no quantile"),
    ],
)
def test_a_mistake_is_refused_with_its_remedy(declare, said):
    with pytest.raises(DeclarationError, match=said):
        declare()


def test_a_value_counts_until_its_last_event_has_left():
    different = [distinct(Look.note, per=Item, exact=exact, **WINDOW) for exact in (0, 1, 9)]
    log = [look(1, note="a"), look(4, note="b"), look(7, note="a"), look(8, note=None)]
    assert both(different, log, 9) == [2, 2, 2]
    assert both(different, log, 14) == [2, 2, 2]
    assert both(different, log, 17) == [1, 2 - 1, 1]
    assert both(different, log, 21) == [0, 0, 0]


def test_what_was_estimated_is_exact_again_when_enough_has_left_and_a_restart_changes_nothing():
    log = [look(1 + i / 10_000, cents=i) for i in range(7000)] + [look(7 + i, cents=i % 3) for i in range(4)]
    features = [distinct(Look.cents, per=Item, exact=5, **WINDOW), quantile(Look.cents, 0.5, per=Item, exact=5, **WINDOW)]
    many, middle = both(features, log, 11)
    assert many == pytest.approx(7000, rel=3 * STANDARD_ERROR)
    assert middle == pytest.approx(3498, rel=1 / 128)
    assert both(features, log, 11, restart=6999) == [many, middle]
    for restart in (None, 6000, 7002):
        assert both(features, log, 16, restart) == [3, 0.0]


def test_whole_numbers_and_instants_that_no_float_tells_apart_are_different():
    log = [look(1, cents=2**60), look(1.000001, cents=2**60 + 1), look(1, cents=2**60)]
    assert both([distinct(one, per=Item, **WINDOW) for one in (Look.cents, Look.at)], log, 2) == [2, 2]


def test_of_equally_frequent_values_the_smaller_comes_first_whatever_came_first():
    log = [look(1, note="b", seconds=2.0), look(2, note="c", seconds=-2.0), look(7, note="c", seconds=2.0), look(9, note="a", seconds=0.0)]
    notes, seconds = top_k(Look.note, 3, per=Item, **WINDOW), top_k(Look.seconds, 2, per=Item, **WINDOW)
    assert both([*notes, *seconds], log, 10) == ["c", "a", "b", 2.0, -2.0]
    assert both([*notes, *seconds], log, 14)[:3] == ["a", "c", None]
    assert both([*notes, *seconds], log, 19, restart=3)[:4] == ["a", None, None, 0.0]


def test_zeros_and_negative_numbers_have_quantiles_too():
    log = [look(i, seconds=value) for i, value in enumerate((-0.0, 0.0, -4.0, 3.0, None))]
    features = [quantile(Look.seconds, 0.25, per=Item, exact=exact, over="1h") for exact in (4, 3)]
    assert both(features, log, 9)[0] == -4.0
    assert both(features, log, 9)[1] == pytest.approx(-4.0, rel=1 / 128)
    assert both([median(Look.seconds, per=Item, exact=exact, over="1h") for exact in (4, 3)], log, 9) == [0.0, 0.0]


def test_a_key_may_be_an_entity_several_an_attribute_or_a_pair_over_several_windows_with_a_filter():
    log = [told("i", genre="k", maker="m"), told("j", genre="k", maker="n")]
    log += [
        look(1, item="i", cents=1),
        look(50, item="j", cents=2),
        look(52, item="i", person="q", cents=4),
        look(54, item="i", bought=False),
    ]
    per = [Item, (Person, Item), Item.genre, (Person, Item.genre), Item.maker, (Person, Item.maker)]
    plays = count(Look, per=per, over=["10s", "ever"], where=Look.bought)
    assert both(list(plays), log, 56) == [1, 2, 0, 1, 2, 3, 1, 2, 1, 2, 0, 1]
    each = [one(Look.cents, per=(Person, Item), over="ever", where=Look.bought) for one in (total, maximum, distinct)]
    assert both(each, log, 56) == [1, 1.0, 1]
