"""Examples: the same bytes from the same log however it lies on disk, and never anything that was not known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from millrace import ALS, Entity, Event, Judged, Logistic, Model, Pairs, Ref, Request, outcome
from millrace.errors import TrainingError
from millrace.models.declare import POSITION
from millrace.models.learner import Examples
from millrace.training.examples import Material, gather, pair_fields
from millrace.types import HOUR, MINUTE, Array, Columns, size, take
from tests.training.diary import START, Diary, diary, kiosk, model, read, write
from tests.training.kiosk import Paper, Read

MODELS = ("ranker", "finder", "critic")


def bytes_of(examples: Examples) -> list[tuple[str, str, bytes]]:
    """Return everything examples hold as bytes."""
    columns = {**examples.rows, **examples.labels, "weight": examples.weight, "group": examples.group, "at": examples.at}
    return [(name, column.dtype.str, _bytes(column)) for name, column in columns.items()]


def _bytes(column: Array) -> bytes:
    return repr(column.tolist()).encode() if column.dtype == object else column.tobytes()


def whole(material: Material, horizon: int) -> Examples:
    return material.examples(np.ones(size(material.rows), dtype=bool), horizon)


# ---- determinism


@pytest.mark.parametrize("name", MODELS)
def test_examples_are_the_same_bytes_again_reopened_and_compacted(name: str, tmp_path: Path) -> None:
    told = diary(150)
    write(told, tmp_path)
    found = []
    for _ in range(3):
        log, history = read(tmp_path)
        end = log.last_known + 1
        for _ in range(2):
            material = gather(model(name), kiosk().system.request, kiosk().system.candidate, history, START, end)
            found.append(bytes_of(whole(material, end)))
        log.compact(slice_rows=37, fan_in=2)
        log.close()
    assert all(one == found[0] for one in found)
    assert len(whole(material, end)) > 40


def test_examples_from_the_log_are_those_from_the_columns(tmp_path: Path) -> None:
    told = diary(120)
    write(told, tmp_path)
    log, history = read(tmp_path)
    end = log.last_known + 1
    for name in MODELS:
        from_log = gather(model(name), kiosk().system.request, kiosk().system.candidate, history, START, end)
        assert bytes_of(whole(from_log, end)) == bytes_of(whole(Diary(told.streams, told.rows, end).gather(name), end))
    log.close()


# ---- nothing from the future


@given(st.integers(0, 30), st.integers(0, 10**9), st.floats(0, 1))
@settings(max_examples=40)
def test_labels_at_a_horizon_are_those_of_a_log_that_ends_there(visits: int, seed: int, share: float) -> None:
    """Whatever was logged after the horizon changes nothing: the rows there were then have the labels and features they had then."""
    told = diary(max(visits, 1), seed)
    horizon = START + HOUR + int(share * (told.end - START - HOUR))
    then = told.until(horizon)
    for name in MODELS:
        now, before = told.gather(name), then.gather(name, until=horizon)
        mask = now.rows["known"] < horizon
        if name == "ranker":  # a row counts from when it was asked
            mask &= now.rows["at"] < horizon
        assert bytes_of(now.examples(mask, horizon)) == bytes_of(before.examples(np.ones(size(before.rows), dtype=bool), horizon))


@given(st.integers(0, 10**9), st.floats(0, 1))
@settings(max_examples=25)
def test_labels_are_what_counting_by_hand_gives(seed: int, share: float) -> None:
    told = diary(25, seed)
    horizon = START + HOUR + int(share * (told.end - START - HOUR))
    labels = told.gather("ranker").labels(horizon)
    opened, liked = (labels[one.column] for one in model("ranker").outcomes)
    rows, reads = told.rows, told.streams["Read"]
    for row in range(size(rows)):
        until = rows["at"][row] + 10 * MINUTE
        mine = (reads["reader"] == rows["reader"][row]) & (reads["paper"] == rows["candidate"][row])
        mine &= (reads["at"] >= rows["at"][row]) & (reads["at"] <= until) & (reads["known"] < horizon)
        later = (rows["reader"] == rows["reader"][row]) & (rows["candidate"] == rows["candidate"][row]) & (rows["at"] > rows["at"][row])
        for again in rows["at"][later]:  # an event belongs to the last showing before it
            mine &= reads["at"] < again
        expected = [float(mine.any()), float((mine & (reads["minutes"] > 5)).any())] if until < horizon else [np.nan, np.nan]
        np.testing.assert_array_equal([opened[row], liked[row]], expected)


@given(st.integers(0, 10**9), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=25)
def test_decision_is_closed_before_an_instant_exactly_when_one_of_its_rows_has_a_label_then(seed: int, share: float, part: float) -> None:
    told = diary(25, seed)
    horizon = START + HOUR + int(share * (told.end - START - HOUR))
    instant = START + int(part * (horizon - START))
    for name in MODELS:
        material = told.gather(name)
        closed = material.closed(horizon)
        labelled = np.zeros(size(material.rows), dtype=bool)
        for column in material.labels(instant).values():
            labelled |= ~np.isnan(column)
        ids = material.rows["id"].astype(str)
        np.testing.assert_array_equal(closed < instant, np.isin(ids, ids[labelled]))


def test_row_stands_for_those_that_its_action_hid_where_one_action_only_shows_the_outcome() -> None:
    told = diary(5)
    chance = np.linspace(0.1, 1.0, size(told.rows))
    chance[0] = np.nan
    seen = Diary(told.streams, {**told.rows, "propensity": chance}, told.end)
    for seen_if, weight in (
        (None, np.ones(len(chance))),
        (("shown", "kept"), np.ones(len(chance))),
        ("shown", 1 / np.nan_to_num(chance, nan=1)),
    ):
        of = Model(outcome(Read, within="10m", seen_if=seen_if), learner=Logistic(), features=[Paper.quality])
        material = gather(of, kiosk().system.request, kiosk().system.candidate, seen, START, told.end)
        np.testing.assert_allclose(material.stands_for(), weight)
        examples = material.examples(np.ones(size(told.rows), dtype=bool), told.end, material.stands_for())
        assert set(examples.weight) <= set(material.stands_for())


def test_rows_are_in_the_order_of_the_log_and_decisions_lie_together() -> None:
    material = diary(60).gather("ranker")
    examples = whole(material, material.rows["at"].max() + HOUR)
    assert (np.diff(examples.at) >= 0).all()
    assert (np.diff(examples.group) >= 0).all()
    assert (np.diff(examples.group) > 0).tolist() == (np.diff(examples.at) > 0).tolist()


def test_request_that_arrives_late_is_not_credited_with_what_it_could_have_counted() -> None:
    """What was known when it was decided is in its features; it belongs to the showing before it, or to none."""
    told = diary(80)
    late = told.rows["id"] == told.rows["id"][-1]
    reads = told.streams["Read"]
    until = int(told.rows["at"].max()) + 20 * MINUTE
    before, row = told.gather("ranker").labels(until), np.flatnonzero(late)[0]
    n = size(reads)
    event = {"id": "new", "at": told.rows["at"][row] + MINUTE, "known": told.rows["at"][row] + 2 * MINUTE, "position": n, "wanted": True}
    event |= {"reader": told.rows["reader"][row], "paper": told.rows["candidate"][row], "minutes": 9.0}
    more = {name: np.concatenate([column, np.array([event[name]], dtype=column.dtype)]) for name, column in reads.items()}
    more = take(more, np.argsort(more["known"], kind="stable"))
    column = model("ranker").heads[0]
    for decided, expected in ((MINUTE, 1.0), (2 * MINUTE, 1.0), (2 * MINUTE + 1, before[column][row])):
        rows = {**told.rows, "watermark": told.rows["watermark"] + decided * late}
        found = Diary({**told.streams, "Read": more}, rows, told.end).gather("ranker").labels(until)
        assert found[column][row] == expected


# ---- where rows come from


def test_decided_rows_learn_the_place_they_stood_at() -> None:
    told = diary(20)
    assert told.gather("ranker").features[POSITION].tolist() == told.rows["rank"].astype(float).tolist()
    assert POSITION not in told.gather("critic").features


def test_pairs_are_the_events_that_are_positive_with_who_and_what() -> None:
    told = diary(50)
    reads = told.streams["Read"]
    there = reads["minutes"] > 2
    material = told.gather("finder")
    assert material.features["query"].tolist() == reads["reader"][there].tolist()
    assert material.features["candidate"].tolist() == reads["paper"][there].tolist()
    horizon = START + 2 * HOUR
    examples = whole(material, horizon)
    assert len(examples) == int((there & (reads["known"] < horizon)).sum())
    assert all((column == 1).all() for column in examples.labels.values())


def test_judgements_label_the_request_that_was_judged_with_features_as_they_were_then() -> None:
    told = diary(80)
    material = told.gather("critic")
    verdicts, visits = told.streams["Verdict"], told.streams["Visit"]
    asked = dict(zip(visits["id"].tolist(), visits["known"].tolist(), strict=True))
    assert material.rows["id"].tolist() == verdicts["visit"].tolist()
    assert material.rows["watermark"].tolist() == [asked[one] for one in verdicts["visit"].tolist()]
    examples = whole(material, told.end)
    assert examples.labels[model("critic").heads[0]].tolist() == verdicts["good"].astype(float).tolist()


def test_judgement_of_a_request_nobody_knows_is_left_out() -> None:
    told = diary(40)
    visits = told.streams["Visit"]
    without = Diary({**told.streams, "Visit": take(visits, visits["id"] != told.streams["Verdict"]["visit"][0])}, told.rows, told.end)
    assert size(without.gather("critic").rows) == size(told.gather("critic").rows) - 1


@pytest.mark.parametrize("name", MODELS)
def test_nothing_in_the_log_gives_no_examples(name: str) -> None:
    told = diary(5)
    nothing = told.until(START - HOUR)
    assert len(whole(nothing.gather(name, until=START), START)) == 0


# ---- what is refused


class Person(Entity):
    name: str


class Meal(Entity):
    name: str


class Order(Request):
    person: Ref[Person]


class Shared(Event):
    giver: Ref[Person]
    taker: Ref[Person]
    meal: Ref[Meal]


class Praise(Event):
    person: Ref[Person]


eaten = outcome(Shared, within="1h")


def test_pairs_with_two_people_must_say_who_asks() -> None:
    assert tuple(one.name for one in pair_fields(Pairs(Shared, query=Shared.taker), Order, Meal)) == ("taker", "meal")
    with pytest.raises(
        TrainingError, match=r"it has 2 references to who asks and 1 to Meal: name them, Pairs\(\.\.\., query=Shared\.<field>"
    ):
        pair_fields(Pairs(Shared), Order, Meal)


def test_judgements_that_do_not_say_which_request_are_refused() -> None:
    critic = Model(outcome(Praise, within="1h"), learner=ALS(), examples=Judged(Praise))
    empty: Any = type("Empty", (), {"events": lambda self, stream, until: _nothing(), "decided": lambda self, since, until: _nothing()})()
    with pytest.raises(TrainingError, match=r"Judged\(Praise\): give it one field of type Ref\[Order\]"):
        gather(critic, Order, Meal, empty, 0, 1)


def _nothing() -> Columns:
    return {"id": np.zeros(0, dtype=object)}
