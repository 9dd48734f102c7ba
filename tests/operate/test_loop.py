"""The closed loop: it trains when it should, sends out by steps, takes back what is worse, and survives what fails."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from millrace import Canary, Drift, Freshness, NotWorse
from millrace.models.learner import Examples
from millrace.monitors.declare import Calibration
from millrace.operate.guard_rollout import Rollouts
from millrace.operate.loop import Operator
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.types import HOUR, MINUTE, moment
from tests.operate.stall import START, Life, Sorting, Street, living, stall, wanted

PATIENCE = 60.0

FIRST = 5 / 6
"""When the first training is due, in hours after the start: 35 minutes of decisions, the first of which is made in the second slice."""


def runs(life: Life) -> list[tuple[float, str]]:
    """Return when trainings began, in hours after the start, and how they ended."""
    return [((run.started - START) / HOUR, run.status) for run in life.engine.home.journal.runs("stall", kind="train")]


def stages(life: Life) -> list[str]:
    return [record.stage for record in life.engine.home.registry.versions("ranker")]


def actions(life: Life) -> list[str]:
    return [standing.action for standing in life.engine.home.releases.history("stall")]


# ---- the first training and the schedule


def test_first_training_waits_for_outcomes_and_its_release_serves_at_once(tmp_path: Path) -> None:
    with living(tmp_path, stall(every=None, on=[Freshness])) as life:
        assert life.until(0.8) == []
        assert life.engine.standing.champion is None
        done = life.until(1)
        assert done[0] == "trained because of the first training"
        assert done[1].startswith("ranker: the first version: auc ")
        assert done[2] == f"{life.engine.standing.champion} serves"
        assert runs(life) == [(pytest.approx(FIRST), "done")]
        life.until(1.2)
        (one,) = life.engine.decide([_glance(life)])
        assert (one.policy, one.release) == ("ranked", life.engine.standing.champion)


def _glance(life: Life) -> Any:
    return life.engine.loaded.system.request(id="now", at=moment(life.time.now), passer="p1")


def test_what_is_learned_is_worth_more_than_the_rules_before_it(tmp_path: Path) -> None:
    with living(tmp_path, stall(every=None, on=[Freshness])) as life:
        life.until(0.8)
        before = life.worth(0)
        life.until(3)
        assert life.worth(1) > 1.3 * before


def test_schedule_trains_again_and_again(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="2h", rollout=Canary("100%"))) as life:
        life.until(7)
        hours = [hour for hour, _ in runs(life)]
        assert hours[0] == pytest.approx(FIRST)
        assert [later - hour for hour, later in pairwise(hours)] == pytest.approx([2, 2, 2])
        assert actions(life) == ["promote"] * 4
        assert stages(life) == ["retired", "retired", "retired", "champion"]


def test_nothing_is_trained_without_a_schedule(tmp_path: Path) -> None:
    loaded = stall()
    object.__setattr__(loaded.system, "retrain", None)
    with living(tmp_path, loaded) as life:
        assert life.until(2) == []
        assert runs(life) == []


def test_operator_that_looked_before_the_first_decision_learns_the_same(tmp_path: Path) -> None:
    """The history it keeps begins with nothing, and grows into what a fresh one reads."""
    with living(tmp_path, stall()) as life:
        life.operator.step(START)
        life.until(1)
        fresh = Operator(life.engine).history.decided(START, life.time.now)
        grown = life.operator.history.decided(START, life.time.now)
        assert {name: column.dtype for name, column in grown.items()} == {name: column.dtype for name, column in fresh.items()}
        assert all(grown[name].tolist() == fresh[name].tolist() for name in fresh if not name.startswith("served"))


# ---- alarms


def test_drift_triggers_a_training_and_its_alert_is_in_the_journal(tmp_path: Path) -> None:
    loaded = stall(monitors=lambda model: [Drift(model, over="2h")], every="30d", on=[Drift])
    with living(tmp_path, loaded, Street(shift=3.0, shift_at=START + 6 * HOUR)) as life:
        life.until(6)
        assert len(runs(life)) == 1
        done = life.until(10)
        said = "the scores of ranker have moved by"
        assert any(sentence.startswith(f"alert: {said}") for sentence in done)
        assert any(sentence.startswith(f"trained because of drift of ranker: {said}") for sentence in done)
        assert 6 < runs(life)[1][0] < 10
        assert life.engine.home.journal.alerts("stall")[0].monitor == "drift of ranker"


def test_alarm_that_stays_on_trains_no_more_often_than_the_rest_allows(tmp_path: Path) -> None:
    loaded = stall(monitors=lambda _: [Calibration(wanted, limit=0.001, over="3h")], every="30d", on=[Calibration], rest="4h")
    with living(tmp_path, loaded) as life:
        life.until(14)
        assert len(life.engine.home.journal.alerts("stall", monitor="calibration of wanted")) >= len(runs(life))
        hours = [hour for hour, _ in runs(life)]
        assert len(hours) > 2
        assert min(later - hour for hour, later in pairwise(hours)) >= 4


def test_monitor_that_fails_is_said_and_the_others_are_asked_all_the_same(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Odd:
        """A monitor that nothing knows how to look through."""

    loaded = stall(monitors=lambda model: [Calibration(wanted), Odd(), Freshness("1h")], every="30d")
    with living(tmp_path, loaded) as life:
        life.until(4)
        life.time.now += 9 * HOUR
        done = life.operator.step(life.time.now)
        assert any(sentence.startswith("Odd failed: AttributeError") for sentence in done), done
        assert any(sentence.startswith("alert: nothing has arrived for 32399s") for sentence in done), done
        failed = [alert for alert in life.engine.home.journal.alerts("stall") if alert.severity == "critical"]
        assert failed[-1].message.startswith("Odd failed: AttributeError")


# ---- canaries


def test_good_canary_goes_by_its_steps_to_everyone(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(4.8)
        first = life.engine.standing.champion
        done = life.until(5)
        assert life.engine.standing.rollout is not None
        second = life.engine.standing.rollout.release
        assert done[-1] == f"{second} begins with 40%"
        done = life.until(6)
        assert life.arms == {"champion", "canary"}
        assert any(sentence.startswith(f"{second} goes on to 70%: the outcome's mean is ") for sentence in done)
        done = life.until(7.5)
        assert done[0].startswith(f"{second} serves everyone: ")
        assert (life.engine.standing.champion, life.engine.standing.rollout) == (second, None)
        assert life.arms == {""}
        assert actions(life) == ["promote", "roll out", "roll out", "promote"]
        assert stages(life) == ["retired", "champion"]
        assert first != second


def test_bad_canary_is_withdrawn_its_versions_rejected_and_the_champion_still_serves(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(backwards=(2,)))) as life:
        life.until(4.8)
        first = life.engine.standing.champion
        done = life.until(6)
        bad = done[2].split()[0]
        assert done[-1].startswith(f"{bad} was rolled back: the outcome's mean is ")
        assert (life.engine.standing.champion, life.engine.standing.rollout) == (first, None)
        assert stages(life) == ["champion", "rejected"]
        alert = life.engine.home.journal.alerts("stall", monitor="guard")[-1]
        assert (alert.severity, alert.message) == ("critical", done[-1])
        assert len([at for at, sentence in life.done if "rolled back" in sentence]) == 1
        life.until(7)
        assert life.arms == {""}
        life.until(12)
        assert stages(life) == ["retired", "rejected", "champion"], "the next one, which is good, has taken over"


def test_canary_that_cannot_score_is_withdrawn_though_every_request_was_answered(tmp_path: Path) -> None:
    """Neither side varies: one always falls back, the other never does. That is no reason to call it chance."""
    with living(tmp_path, stall(Sorting(broken=(2,)))) as life:
        life.until(4.8)
        first = life.engine.standing.champion
        done = life.until(6)
        assert done[-1].endswith("it falls back in 100.0% of decisions, the champion in 0.0%")
        assert (life.engine.standing.champion, life.engine.standing.rollout) == (first, None)
        assert stages(life) == ["champion", "rejected"]


def test_bad_canary_is_judged_by_what_a_model_decided_however_many_no_model_serves(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(backwards=(2,)), beside=0.5), Street(glances=80)) as life:
        life.until(4.8)
        first = life.engine.standing.champion
        done = life.until(6)
        assert "was rolled back: the outcome's mean is " in done[-1]
        assert (life.engine.standing.champion, life.engine.standing.rollout) == (first, None)
        assert float(done[-1].split("mean is ")[1].split(",")[0]) < 0.2, "what the plain arm brought, 0.6, is no part of it"


def test_version_that_was_rejected_does_not_go_out_again(tmp_path: Path) -> None:
    """The second operator draws the seed that the first one's bad version had: the same files."""
    with living(tmp_path, stall(Sorting(backwards=(2,)))) as life:
        life.until(7)
        assert stages(life) == ["champion", "rejected"]
        life.operator = Operator(life.engine, seed=-1)
        done = life.until(9)
        assert done[0].startswith("trained because of every 4h")
        assert done[1].endswith("was rejected before")
        assert life.engine.standing.rollout is None
        assert len(runs(life)) == 3


def test_gate_keeps_a_worse_version_from_going_out_at_all(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(backwards=(2,)), gate=NotWorse("auc"))) as life:
        done = life.until(6)
        assert any(sentence.startswith("ranker: worse: auc ") for sentence in done)
        assert stages(life) == ["champion", "rejected"]
        assert actions(life) == ["promote"]


def test_canary_of_a_quiet_place_is_given_time_and_then_trusted(tmp_path: Path) -> None:
    with living(tmp_path, stall(rollout=Canary("10%", "100%", watch="1h")), Street(glances=4)) as life:
        done = life.until(12)
        begun = next(at for at, sentence in life.done if "begins with 10%" in sentence)
        served = next(at for at, sentence in life.done if "serves everyone" in sentence)
        assert served - begun == 6 * HOUR
        said = next(sentence for sentence in done if "serves everyone" in sentence)
        assert said.endswith("too few to judge")
        assert " on the gate's word alone, " in said
        (alert,) = life.engine.home.journal.alerts("stall", monitor="guard")
        assert (alert.severity, alert.at, alert.message) == ("warning", served, said)


# ---- restarts and rivals


def test_operator_restarted_in_the_middle_of_a_canary_goes_on(tmp_path: Path) -> None:
    street, loaded = Street(), stall()
    with living(tmp_path, loaded, street) as life:
        life.until(5)
        under_way = life.engine.standing.rollout
        assert under_way is not None
        now = life.time.now
    with living(tmp_path, loaded, street, now=now) as life:
        assert life.engine.standing.rollout == under_way
        life.until(5.5)
        assert life.arms == {"champion", "canary"}
        life.until(7.2)
        assert life.engine.standing.champion == under_way.release
        assert actions(life) == ["promote", "roll out", "roll out", "promote"]


def test_bad_canary_is_caught_by_the_operator_that_comes_after(tmp_path: Path) -> None:
    street, loaded = Street(), stall(Sorting(backwards=(2,)))
    with living(tmp_path, loaded, street) as life:
        life.until(5)
        assert life.engine.standing.rollout is not None
        now = life.time.now
    with living(tmp_path, loaded, street, now=now) as life:
        life.until(6)
        assert life.engine.standing.rollout is None
        assert stages(life) == ["champion", "rejected"]


def test_release_that_someone_else_moved_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """A person rolls out another release while the operator trains: its own compare-and-swap fails, and it looks again."""
    with living(tmp_path, stall()) as life:
        life.until(4.8)
        home, first = life.engine.home, life.engine.standing
        other = home.releases.create("stall", dict(home.releases.get(first.champion).versions), "another", {}, _change(life))

        def meddle(_: str) -> None:
            seen = home.releases.standing("stall")
            if seen == first:
                home.releases.promote(seen, other.id, _change(life))

        life.operator = Operator(life.engine, progress=meddle)
        done = life.until(5)
        assert done[-1].startswith("the training is left to another: stall is at revision 2 (promote by a person)")
        assert life.engine.standing.champion == other.id, "it has looked again"
        assert life.until(5.5) == []
        assert runs(life)[-1][1] == "done"


def _change(life: Life) -> Change:
    return Change(at=life.time.now, who="a person", why="to see what happens")


def test_two_operators_at_once_do_together_what_one_would_have_done(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.operator = both = Rivals(life.operator, Operator(life.engine))
        life.until(7.2)
        assert actions(life) == ["promote", "roll out", "roll out", "promote"]
        assert [status for _, status in runs(life)] == ["done", "done"]
        assert stages(life) == ["retired", "champion"]
        assert all(sentence.startswith(("the training is left to another", "the rollout is left to another")) for sentence in both.lost)


@dataclass
class Rivals(Operator):
    """Two operators that step at the same time."""

    one: Operator
    other: Operator

    def __post_init__(self) -> None:
        self.history = self.one.history
        self.lost: list[str] = []

    def step(self, now: int) -> list[str]:
        meet = threading.Barrier(2)

        def act(operator: Operator) -> list[str]:
            meet.wait(PATIENCE)
            return operator.step(now)

        with ThreadPoolExecutor(2) as threads:
            said = [sentence for done in threads.map(act, (self.one, self.other)) for sentence in done]
        self.lost += [sentence for sentence in said if "is left to another" in sentence]
        return [sentence for sentence in said if "is left to another" not in sentence]


# ---- what fails


def test_training_that_raises_is_recorded_as_failed_and_tried_again(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(raising=(2,)))) as life:
        life.until(4.8)
        done = life.until(6.5)
        assert done[0] == "the training failed: ZeroDivisionError: a fault in a learner"
        assert [status for _, status in runs(life)] == ["done", "failed", "done"]
        assert runs(life)[2][0] - runs(life)[1][0] == pytest.approx(1), "after a rest, not after the whole time between two"
        failed = life.engine.home.journal.runs("stall", kind="train")[1]
        assert failed.message == "ZeroDivisionError: a fault in a learner"
        alert = life.engine.home.journal.alerts("stall", monitor="operate")[0]
        assert (alert.severity, alert.at, alert.message) == ("critical", failed.started, done[0])
        assert life.engine.standing.rollout is not None, "the third has gone out"


def test_first_training_that_finds_too_little_is_tried_again_after_a_rest(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(refused=(1, 2)), every=None, on=[Freshness])) as life:
        life.until(4)
        hours = [hour for hour, _ in runs(life)]
        assert [later - hour for hour, later in pairwise(hours)] == pytest.approx([1, 1])
        assert life.engine.standing.champion is not None
        assert "ranker: the log holds too little: wait for more" in [sentence for _, sentence in life.done]


def test_training_that_was_killed_is_made_up_for_after_a_rest(tmp_path: Path) -> None:
    street, loaded = Street(), stall()
    with living(tmp_path, loaded, street) as life:
        life.until(4)
        now = life.time.now
        life.engine.home.journal.start("stall", "train", "killed", now)
    with living(tmp_path, loaded, street, now=now) as life:
        life.until(5.5)
        assert [(hour, status) for hour, status in runs(life)][1:] == [(4, "running"), (5, "done")]


def test_rollout_that_cannot_be_judged_is_said_and_does_not_stop_the_rest(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(5)
        life.operator.rollouts = Rollouts(life.engine.loaded, Blinded(life.engine.home))  # type: ignore[arg-type]
        done = life.operator.step(life.time.now)
        assert done[0] == "the rollout failed: OSError: the disk is gone"
        assert life.engine.standing.rollout is not None


class Blinded:
    """A home whose log cannot be read."""

    def __init__(self, home: Home) -> None:
        self.releases, self.registry, self.journal = home.releases, home.registry, home.journal

    @property
    def log(self) -> Any:
        raise OSError("the disk is gone")


def test_journal_conflict_means_that_another_trains_at_this_very_instant(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Slow(Sorting):
        def fit(self, examples: Examples, seed: int) -> Any:
            trained.append(seed)
            return super().fit(examples, seed)

    trained: list[int] = []
    with living(tmp_path, stall(Slow())) as life:
        life.until(0.8)
        life.time.now = START + 50 * MINUTE
        key = "2026-01-01T12:50:00+00:00"
        life.engine.home.journal.start("stall", "train", key, START - HOUR)
        done = life.operator.step(life.time.now)
        assert done[-1].startswith("the training is left to another: train 2026-01-01T12:50:00+00:00 of stall is running already")
        assert trained == []
