"""Simulated lives: a slice is decided before its world reacts, and a life that is stopped goes on where it stood."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millrace.log.streams import codec_of
from millrace.operate.simulation import SimulatedTime, Slice, simulate, taken_rows
from millrace.operate.verify import verify
from millrace.types import EVER, HOUR, Columns, size
from tests.operate.stall import SLICE, START, Glance, Street, living, stall


class Watched(Street):
    """A street that writes down what it is asked and told, in order."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.said: list[tuple[str, int]] = []

    def requests(self, since: int, until: int) -> Columns:
        self.said.append(("asks", since))
        return super().requests(since, until)

    def react(self, decided: Columns) -> None:
        self.said.append(("reacts", size(decided)))
        super().react(decided)

    def happenings(self, since: int, until: int) -> dict[str, Columns]:
        self.said.append(("tells", until))
        return super().happenings(since, until)


def test_slice_is_asked_decided_reacted_to_and_told_in_this_order(tmp_path: Path) -> None:
    street = Watched()
    with living(tmp_path, stall(), street) as life:
        seen: list[Slice] = []
        simulate(life.engine, None, street, life.time, START + 3 * SLICE, slice_length=SLICE, seen=seen.append)
    assert [word for word, _ in street.said] == ["asks", "reacts", "tells"] * 3
    assert [one.until - one.since for one in seen] == [SLICE] * 3
    assert seen[0].since == START
    assert [one.done for one in seen] == [[], [], []]
    assert size(seen[0].rows) == 0, "nothing was on the stall yet"
    assert size(seen[2].rows) == 3 * size(seen[2].requests)


def test_life_that_is_stopped_goes_on_and_is_the_same_life(tmp_path: Path) -> None:
    lives = []
    for stops in ((4.0,), (1.0, 1.5, 2.0, 4.0)):
        folder = tmp_path / str(len(stops))
        with living(folder, stall()) as life:
            for stop in stops:
                life.until(stop)
            rows = life.operator.history.decided(EVER, life.time.now)
            lives.append((life.done, rows["candidate"].tolist(), rows["rank"].tolist(), rows["score"].tolist()))
    assert lives[0] == lives[1]


def test_what_was_served_in_a_life_comes_out_of_its_log_again(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(6)
        told: list[tuple[int, int]] = []
        proof = verify(life.engine.loaded, life.operator.history, START, life.time.now, lambda done, of: told.append((done, of)))
        assert proof.mismatches == ()
        assert proof.decisions > 500
        assert told[-1][0] <= told[-1][1]


def test_proof_names_what_was_served_otherwise_than_the_log_says(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(2)

        class Tampered(type(life.operator.history)):  # type: ignore[misc]
            def decided(self, since: int, until: int) -> Columns:
                rows = super().decided(since, until)
                served = rows["served Good.quality"].copy()
                served[np.flatnonzero(~np.isnan(served))[5]] += 1
                return {**rows, "served Good.quality": served}

        history = Tampered(life.engine.home.log, life.engine.loaded)
        (one,) = verify(life.engine.loaded, history, START, life.time.now).mismatches
        assert one.column == "Good.quality"
        assert one.served == one.recomputed + 1
        assert str(one).startswith(f"{one.id}: Good.quality was served as ")


def test_rows_taken_carry_the_fields_of_their_request(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(0.5)
        asked = life.street.requests(life.time.now, life.time.now + SLICE)
        life.time.now += SLICE
        decisions = life.engine.decide(codec_of(Glance).restore(asked))
        rows = taken_rows(decisions, asked)
        assert rows["request"].tolist() == np.repeat(asked["id"], 3).tolist()
        assert rows["passer"].tolist() == np.repeat(asked["passer"], 3).tolist()
        assert rows["rank"].tolist() == [0, 1, 2] * size(asked)
        assert set(rows["action"]) == {"shown"}
        assert rows["candidate"].tolist() == [name for one in decisions for name in one.candidate[:3]]
        assert size(taken_rows([], {name: column[:0] for name, column in asked.items()})) == 0


@pytest.mark.parametrize("length", [SLICE, SLICE + 7, 3 * HOUR])
def test_last_slice_ends_where_the_life_does(length: int, tmp_path: Path) -> None:
    street = Watched(glances=3)
    with living(tmp_path, stall(), street) as life:
        simulate(life.engine, None, street, life.time, START + HOUR, slice_length=length)
        assert life.time.now == START + HOUR
        assert street.said[-1] == ("tells", START + HOUR)
    assert SimulatedTime(5)() == 5
