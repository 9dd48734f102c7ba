"""What the guard reads of a decision: its arm, the rollout's share whatever lies within, and that it took nothing."""

from pathlib import Path
from typing import Any

import numpy as np

from millrace.decision import Decision
from millrace.operate.guard_reading import NOTHING, Decided, taken_rows
from millrace.serve.home import Home
from millrace.types import MINUTE, moment
from tests.operate.stall import START, Glance, stall


def read(folder: Path, *decisions: dict[str, Any]) -> Any:
    """Log decisions, each with its request, and read them as of a rollout that began at the start."""
    loaded = stall(beside=0.25)
    home = Home(folder, loaded)
    at = START + MINUTE
    usual = {"at": at, "system": "stall", "watermark": at, "policy": "ranked", "arm": "canary/ranked", "arm_share": 0.1 * 0.75}
    for number, fields in enumerate(decisions):
        name = f"q{number}"
        made = Decision(**{"id": name, **usual, **fields})
        home.log.append([Glance(id=name, at=moment(made.at), passer=f"p{number}"), made], known=at + 10 * (number + 1))
    got = Decided(loaded, home.log, START, "passer").more()
    home.close()
    return got


def test_decision_that_took_nothing_is_seen_and_has_an_action_of_its_own(tmp_path: Path) -> None:
    made, seen = read(tmp_path, {"candidate": ["g1"], "score": [0.5]}, {"candidate": ["g1", "g2"], "score": [0.5, 0.7], "taken": 1})
    assert seen["action"].tolist() == [NOTHING, ""]
    assert seen["rows"].tolist() == [0, 1]
    np.testing.assert_array_equal(seen["score"], [np.nan, 0.5])
    assert taken_rows(made, seen, ["passer"])["candidate"].tolist() == ["g1"]
    assert taken_rows(made, seen, ["passer"])["passer"].tolist() == ["p1"]


def test_share_is_the_rollout_s_on_both_sides_and_in_every_arm_within(tmp_path: Path) -> None:
    _, seen = read(
        tmp_path,
        {},
        {"arm": "champion/ranked", "arm_share": 0.9 * 0.75},
        {"arm": "canary/plain", "arm_share": 0.1 * 0.25, "policy": "plain"},
        {"arm": "champion/plain", "arm_share": 0.9 * 0.25, "policy": "plain", "missed": ["ranked"]},
    )
    assert seen["share"].tolist() == [0.1] * 4
    assert seen["treated"].tolist() == [True, False, True, False]
    assert seen["is_judged"].tolist() == [True, True, False, True], "a model takes part, or should have"


def test_only_what_was_decided_anew_is_compared(tmp_path: Path) -> None:
    made, seen = read(tmp_path, {}, {"repeats": "q0"}, {"arm": "champion/ranked"})
    assert [one.id for one in made] == ["q0", "q2"]
    assert len(seen["id"]) == 2


def test_what_was_asked_before_the_rollout_or_outside_its_arms_is_not_judged(tmp_path: Path) -> None:
    made, seen = read(tmp_path, {"at": START - MINUTE}, {"arm": "ranked", "arm_share": 0.75}, {})
    assert [one.id for one in made] == ["q1", "q2"]
    assert seen["is_judged"].tolist() == [False, True]
    assert seen["asked passer"].tolist() == seen["unit"].tolist() == ["p1", "p2"]
