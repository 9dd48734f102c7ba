"""From columns to records: what was taken first, what was only considered after it, and nothing invented."""

import math
from typing import Any

import msgspec
import numpy as np

from millrace.decision import Decision, Decisions
from millrace.log.decisions import is_sound
from millrace.serve.records import records
from millrace.types import objects


def ranked(**requests: Any) -> Decisions:
    asked = {"id": objects(["a", "b", "c"]), "at": np.array([1, 2, 3]), "policy": objects(["p", "q", "p"]), **requests}
    rows = {
        "request": np.array([0, 0, 0, 2, 2]),
        "candidate": objects(["x", "y", "z", "y", "x"]),
        "source": objects(["s"] * 5),
        "score": np.array([0.1, 0.9, np.nan, 0.5, 0.4]),
        "rank": np.array([1, 0, -1, -1, 0]),
        "propensity": np.array([1.0, 1.0, 0.0, 0.25, np.nan]),
        "likes": np.array([3, 4, 5, 6, 7]),
        "kind": objects(["k", None, "l", "m", "n"]),
        "head": np.array([0.2, np.nan, 0.3, 0.4, 0.5]),
    }
    return Decisions(asked, rows)


def made(d: Decisions, **others: Any) -> list[Decision]:
    return records(
        d, **{"system": "s", "release": "r1", "watermark": 10, "missed": [], "kept": {"p": ("likes", "kind", "head", "gone")}, **others}
    )


def test_rows_taken_come_first_best_first_and_the_others_after_them() -> None:
    first, second, third = made(ranked())
    assert (first.candidate, first.taken, first.score) == (["y", "x", "z"], 2, [0.9, 0.1, None])
    assert (second.candidate, second.taken) == ([], 0)
    assert (third.candidate, third.taken, third.propensity) == (["x", "y"], 1, [None, 0.25])


def test_what_was_served_is_kept_of_the_rows_taken_by_the_policy_that_read_it() -> None:
    first, second, third = made(ranked())
    assert first.features == {"likes": [4, 3], "kind": [None, "k"], "head": [None, 0.2]}
    assert second.features == {}, "q keeps nothing"
    assert third.features == {"likes": [7], "kind": ["n"], "head": [0.5]}


def test_defaults_stand_where_no_stage_has_spoken() -> None:
    first = made(ranked())[0]
    assert (first.id, first.at, first.system, first.watermark, first.release) == ("a", 1, "s", 10, "r1")
    assert (first.policy, first.arm, first.arm_share, first.action, first.answer, first.shadow) == ("p", "", 1.0, "shown", "", [])


def test_release_arm_and_action_of_each_request_are_its_own() -> None:
    d = ranked(
        release=objects(["r2", None, ""]),
        arm=objects(["canary", None, "champion"]),
        arm_share=np.array([0.1, np.nan, 0.9]),
        action=objects(["stop", None, "go"]),
        shadow=objects([["x"], None, []]),
    )
    assert [one.release for one in made(d)] == ["r2", "r1", "r1"]
    assert [(one.arm, one.arm_share) for one in made(d)] == [("canary", 0.1), ("", 1.0), ("champion", 0.9)]
    assert [one.action for one in made(d)] == ["stop", "shown", "go"]
    assert [one.shadow for one in made(d)] == [["x"], [], []]


def test_misses_of_all_and_misses_of_an_arm_stand_together() -> None:
    d = ranked(missed=objects([["near"], [], None]))
    assert [one.missed for one in made(d, missed=["slow"])] == [["slow", "near"], ["slow"], ["slow"]]
    assert [one.missed for one in made(d)] == [["near"], [], []]


def test_records_survive_the_log_and_what_json_cannot_say_is_null() -> None:
    d = ranked()
    d = d.with_rows(score=np.array([math.inf, 0.9, -math.inf, 0.5, 0.4]))
    first = made(d)[0]
    assert first.score == [0.9, None, None]
    assert msgspec.json.decode(msgspec.json.encode(first), type=Decision) == first


def test_no_rows_and_no_requests_make_no_trouble() -> None:
    nothing = {"request": np.zeros(0, dtype=np.int64), "candidate": objects([])}
    assert made(Decisions({"id": objects([]), "at": np.zeros(0, dtype=np.int64)}, nothing)) == []
    (alone,) = made(Decisions({"id": objects(["a"]), "at": np.array([1])}, nothing))
    assert (alone.candidate, alone.score, alone.propensity, alone.taken) == ([], [], [], 0)


def test_what_is_recorded_need_not_be_read_back_to_be_checked() -> None:
    assert all(map(is_sound, made(ranked())))


def test_numbers_that_have_no_finite_sum_are_kept_as_they_are() -> None:
    d = ranked().with_rows(score=np.array([1e308, 1.7e308, -np.inf, 1e308, 1.7e308]))
    assert [one.score for one in made(d)] == [[1.7e308, 1e308, None], [], [1.7e308, 1e308]]
