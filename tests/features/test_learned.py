import gc
import weakref

import numpy as np

from millrace.decision import Decisions
from millrace.features.declare import count
from millrace.features.learned import Learned, completed, plain
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import Array, Columns, objects


class Clip(Entity):
    topic: str


class Play(Event):
    clip: Ref[Clip]


class Home(Request):
    limit: int


plays = count(Play, per=Clip, over="1h")
said = Learned(None, "p", (("n", plays),), "said")
again = Learned(None, "p", (("n", plays), ("said", said)), "said again")


def tenfold(_: Learned, rows: Columns) -> Array:
    return 10 * sum(rows.values())


def test_what_versions_say_is_asked_for_after_what_they_are_asked_with():
    assert plain([again, said]) == [plays]
    found = completed([again, plays, said], {plays.column: np.array([1, 2])}, tenfold)
    assert list(found) == ["said again", plays.column, "said"]
    assert {column: values.tolist() for column, values in found.items()} == {
        "said again": [110, 220],
        plays.column: [1, 2],
        "said": [10, 20],
    }


def test_what_a_lookup_made_is_gone_with_its_answer_and_waits_for_no_collection():
    view = OnlineView(plan(Home, Clip, [plays, Clip.topic]))
    features = [again, plays, Clip.topic]
    gc.disable()
    try:
        requests = {"id": objects(["r"]), "at": np.array([0]), "limit": np.array([1])}
        d = Decisions(requests, {"request": np.zeros(2, dtype=np.int64), "candidate": objects(["a", "b"])})
        found = completed(features, view.lookup(plain(features), d, 1), tenfold)
        made = [weakref.ref(column) for column in (*requests.values(), *d.rows.values(), *found.values())]
        del requests, d, found
        assert all(one() is None for one in made)
    finally:
        gc.enable()
