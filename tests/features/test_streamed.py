"""What a backfill reads of each class, and how keys fall into parts."""

import numpy as np

from millrace.features.declare import count, total
from millrace.features.plan import plan
from millrace.features.streamed import needed, partition_of
from tests.features.shop import Browse, Item, Look, Maker, Person


def test_only_the_fields_that_features_read_are_needed():
    features = [
        count(Look, per=Person, where=Look.bought, over="1m"),
        total(Look.seconds * Look.item.price, per=Look.item.maker, over="1m"),
    ]
    read = needed(plan(Browse, Item, [*features, Maker.country]))
    assert read == {Look: ("at", "bought", "item", "person", "seconds"), Item: ("id", "maker", "price"), Maker: ("country", "id")}


def test_an_id_of_an_event_is_needed_where_something_reads_it():
    wanted = [count(Look, per=Person, where=Look.id != "x", over="1m")]
    assert needed(plan(Browse, Item, wanted)) == {Look: ("at", "id", "person")}


def test_equal_keys_share_a_part_and_parts_are_about_alike():
    rng = np.random.default_rng(0)
    keys = [rng.integers(1, 1000, 50_000), rng.integers(1, 50, 50_000)]
    parts = partition_of(keys, 7)
    assert set(parts.tolist()) == set(range(7))
    by_key = {}
    for key, part in zip(zip(*(key.tolist() for key in keys), strict=True), parts.tolist(), strict=True):
        assert by_key.setdefault(key, part) == part
    assert np.bincount(parts).min() > 0.8 * len(parts) / 7
