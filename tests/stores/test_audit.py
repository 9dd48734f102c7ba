from itertools import pairwise

import pytest

from millrace.errors import BadInput
from millrace.stores.audit import Audit
from millrace.stores.database import Database
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.standing import Rollout
from tests.stores.making import change, lineage, published, saving


def test_every_change_leaves_one_entry_with_what_was_before_and_after(registry: Registry, releases: Releases, database: Database):
    a, b, c = (published(registry, text, created=10).version for text in "abc")
    registry.annotate(a, {"card": "x"}, change(11))
    registry.stage(c, "rejected", change(12))
    first = releases.create("feed", {"ranker": a}, "s1", {"act": float("inf")}, change(13)).id
    second = releases.create("feed", {"ranker": b}, "s1", {}, change(14)).id
    seen = releases.promote(releases.standing("feed"), first, change(15))
    seen = releases.roll_out(seen, Rollout(release=second, step=0, share=0.5, started=16), change(16))
    seen = releases.withdraw(seen, change(17))
    seen = releases.promote(seen, second, change(18))
    releases.roll_back(seen, change(19))
    told = [(entry.at, entry.what, entry.subject) for entry in Audit(database).entries()]
    assert told == [
        (10, "publish", a),
        (10, "publish", b),
        (10, "publish", c),
        (11, "annotate", a),
        (12, "stage", c),
        (13, "create", first),
        (14, "create", second),
        (15, "stage", a),
        (15, "promote", "feed"),
        (16, "roll out", "feed"),
        (17, "withdraw", "feed"),
        (18, "stage", b),
        (18, "stage", a),
        (18, "promote", "feed"),
        (19, "stage", a),
        (19, "stage", b),
        (19, "roll back", "feed"),
    ]
    by_system = Audit(database).entries("feed")
    for before, after in pairwise(by_system):
        assert after.before == before.after
    assert by_system[0].before == {"champion": None, "rollout": None}
    assert by_system[1].after == {"champion": first, "rollout": {"release": second, "step": 0, "share": 0.5, "started": 16, "data": {}}}
    created = Audit(database).entries(first)[0]
    assert created.before is None
    assert created.after["thresholds"] == {"act": "inf"}
    assert Audit(database).entries(a)[0].after["lineage"]["log_position"] == 7


def test_entries_are_found_by_time(registry: Registry, database: Database):
    for at, text in enumerate("abcd"):
        published(registry, text, created=at)
    assert [entry.at for entry in Audit(database).entries(since=1, until=3)] == [1, 2]
    assert [entry.at for entry in Audit(database).entries(since=3)] == [3]


def test_publisher_must_be_named(registry: Registry):
    with pytest.raises(BadInput, match="a change must say who"):
        registry.publish("ranker", saving("a"), lineage(), {}, {}, who="")
