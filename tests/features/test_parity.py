import numpy as np
import pytest

from millrace.errors import BadInput, NotFound
from millrace.features.declare import count, mean, ratio
from millrace.features.parity import compare, explain
from millrace.features.plan import plan
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import HOUR, MINUTE, objects


class Shop(Entity):
    town: str


class Person(Entity):
    town: str


class Visit(Event):
    person: Ref[Person]
    shop: Ref[Shop]
    cents: int


class Ask(Request):
    person: Ref[Person]


def differing(served, recomputed) -> bool:
    return bool(compare(objects(["r"]), {"x": served}, {"x": recomputed}))


@pytest.mark.parametrize(
    "served, recomputed, expected",
    [
        (np.array([1]), np.array([1]), False),
        (np.array([2**60]), np.array([2**60 + 1]), True),
        (np.array([3.0]), np.array([3]), False),
        (np.array([1e10]), np.array([10**10 + 1]), True),
        (np.array([1.0]), np.array([1.0 + 9e-10]), False),
        (np.array([1.0]), np.array([1.0 + 2e-9]), True),
        (np.array([0.0]), np.array([1e-300]), True),
        (np.array([np.nan]), np.array([np.nan]), False),
        (np.array([np.nan]), np.array([0.0]), True),
        (np.array([np.inf]), np.array([5.0]), True),
        (np.array([True]), np.array([False]), True),
        (objects(["a"]), objects(["a"]), False),
        (objects(["a"]), objects([None]), True),
        (objects([None]), objects([None]), False),
        (objects([None]), np.array([np.nan]), False),
        (objects([3]), np.array([3]), False),
        (objects([3]), np.array([4]), True),
        (objects([3.0]), np.array([3]), False),
        (objects(["3"]), np.array([3]), True),
    ],
)
def test_integers_and_text_must_be_equal_and_floats_nearly(served, recomputed, expected):
    assert differing(served, recomputed) is expected


def test_a_mismatch_says_which_row_and_both_values():
    served = {"plays": np.array([3, 4]), "city": objects(["x", "y"])}
    found = compare(objects(["r1", "r2"]), served, {"plays": np.array([3, 5]), "city": objects(["z", "y"])})
    assert [(one.row, one.id, one.column, one.served, one.recomputed) for one in found] == [
        (0, "r1", "city", "x", "z"),
        (1, "r2", "plays", 4, 5),
    ]
    assert str(found[1]) == "r2: plays was served as 4, the log says 5"


def test_what_was_not_recomputed_on_every_row_is_refused():
    with pytest.raises(BadInput, match="x was served on 1 of 1 rows and recomputed on 0"):
        compare(objects(["r"]), {"x": np.array([1])}, {})
    with pytest.raises(BadInput, match="x was served on 1 of 2 rows and recomputed on 2"):
        compare(objects(["r", "s"]), {"x": np.array([1])}, {"x": np.array([1, 2])})


VISITS = {
    "id": objects(["e1", "e2", "e3", "e4"]),
    "person": objects(["p", "p", "q", "p"]),
    "shop": objects(["s", "s", "s", "t"]),
    "cents": np.array([5, 6, 7, 8]),
    "at": np.array([0, MINUTE, MINUTE, 2 * MINUTE]),
    "known": np.array([0, MINUTE, MINUTE, HOUR]),
    "position": np.array([1, 2, 3, 4]),
}
SHOPS = {"id": objects(["s"]), "town": objects(["x"]), "at": np.array([-1]), "known": np.array([-1]), "position": np.array([0])}


def history(of: type, until: int):
    records = {Visit: VISITS, Shop: SHOPS}.get(of, {})
    return {name: column[records["known"] < until] for name, column in records.items()}


def row(candidate: str, watermark: int):
    at = np.array([watermark])
    return {"watermark": at, "at": at, "id": objects(["r"]), "person": objects(["p"]), "candidate": objects([candidate])}


def explained(one, candidate: str = "s", watermark: int = HOUR):
    system = plan(Ask, Shop, [one, count(Visit, per=Shop, over="ever")])
    return explain(system, one.column, row(candidate, watermark), history)


def test_the_events_behind_a_value_are_those_in_its_window_known_in_time():
    visits = count(Visit, per=(Person, Shop), over="1h")
    (evidence,) = explained(visits)
    assert evidence.column == visits.column
    assert evidence.keys == ("p", "s")
    assert evidence.events["id"].tolist() == ["e1", "e2"]
    (later,) = explained(visits, watermark=HOUR + MINUTE)
    assert later.events["id"].tolist() == ["e2"]
    assert later.events["cents"].tolist() == [6]


def test_what_a_ratio_is_made_of_is_explained_part_by_part():
    big = count(Visit, per=Shop, where=Visit.cents > 6, over="1h")
    every = count(Visit, per=Shop.town, over="1h")
    found = explained(ratio(big, every))
    assert [(one.column, one.keys, one.events["id"].tolist()) for one in found] == [
        (big.column, ("s",), ["e3"]),
        (every.column, ("x",), ["e1", "e2", "e3"]),
    ]


def test_a_key_nobody_knows_has_no_events():
    (evidence,) = explained(mean(Visit.cents, per=Shop.town, over="1h"), candidate="nowhere")
    assert evidence.keys == (None,)
    assert len(evidence.events["id"]) == 0


def test_explaining_what_does_not_exist_or_several_rows_is_refused():
    system = plan(Ask, Shop, [Shop.town])
    with pytest.raises(NotFound, match="nothing is not among the features"):
        explain(system, "nothing", row("s", 5), history)
    two = {name: np.concatenate([column, column]) for name, column in row("s", 5).items()}
    with pytest.raises(BadInput, match="give one row, not 2"):
        explain(system, "Shop.town", two, history)
