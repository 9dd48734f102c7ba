"""A rollout under way: what is read of the log, what the guard writes down, and what happens when it dies or has a rival."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from millrace import Canary, Misses, Reward
from millrace.operate.guard import Verdict
from millrace.operate.guard_outcomes import Came
from millrace.operate.guard_reading import Decided, inner_shares
from millrace.operate.guard_rollout import Watching, begun, watched_for
from millrace.operate.learn import learn
from millrace.serve.changing import canary
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.training.attribution import join_keys, label
from millrace.types import MINUTE, size, stack, take
from tests.operate.stall import START, Life, Sorting, Street, living, stall, wanted


def rollouts(life: Life) -> list[Any]:
    return life.engine.home.journal.runs("stall", kind="rollout")


def verdict(life: Life) -> Verdict:
    return msgspec.convert(rollouts(life)[-1].data["verdict"], Verdict)


# ---- what is written down


def test_rollout_is_a_run_with_its_latest_verdict_and_ends_with_what_came_of_it(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(5.5)
        (run,) = rollouts(life)
        assert (run.status, run.data["release"]) == ("running", life.engine.standing.candidate)
        assert 0 < verdict(life).canary < verdict(life).champion
        assert {one.guard for one in verdict(life).tests} == {"misses", "slower than 0.9 of all", "slower than 0.99 of all", "reward"}
        life.until(7.2)
        (run,) = rollouts(life)
        assert (run.status, run.message) == ("done", life.done[-1][1])
        assert [one["said"].split(" ", 1)[1][:12] for one in run.data["verdicts"]] == ["goes on to 7", "serves every"]


def test_what_took_a_canary_back_can_be_read_in_its_verdict(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(backwards=(2,)))) as life:
        life.until(6)
        (run,) = rollouts(life)
        assert run.status == "failed"
        assert run.message == life.done[-1][1]
        (worse,) = [one for one in verdict(life).tests if one.is_worse]
        assert (worse.guard, worse.said) == ("reward", verdict(life).reason)


def test_canary_that_a_person_sent_out_is_taken_back_as_one_of_the_loop_is(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(backwards=(2,)), every="30d")) as life:
        life.until(2)
        engine, home, now = life.engine, life.engine.home, life.time.now
        release, _ = learn(engine, life.operator.history, now, 2, "by hand")
        assert release is not None
        canary(engine.loaded, home.releases, engine.standing, release.id, Change(now, "ada", "to try"))
        life.until(3.5)
        assert [one.who for one in home.releases.history("stall")] == ["operate", "ada", "guard"]
        assert (engine.standing.champion != release.id, engine.standing.rollout, engine.standing.action) == (True, None, "withdraw")


def test_same_log_gives_the_same_verdict_to_whoever_reads_it_later_in_one_go(tmp_path: Path) -> None:
    with living(tmp_path, stall(), Street(glances=80)) as life:
        life.until(6.5)
        home, seen = life.engine.home, life.engine.standing
        assert seen.rollout is not None
        life.operator.rollouts.step(life.time.now, seen)
        looked = life.operator.rollouts._following
        assert looked is not None
        late = Watching(life.engine.loaded, home, begun(home.releases, seen), seen.rollout.started)
        often, once = looked[1].look(life.time.now, seen.rollout.started), late.look(life.time.now, seen.rollout.started)
        assert often.canary == once.canary > 100
        for one, other in zip(often.tests, once.tests, strict=True):
            assert (one.guard, one.said) == (other.guard, other.said)
            assert other.evidence == pytest.approx(one.evidence, abs=1e-9)
        assert (often.healthy, often.founded, often.reason) == (once.healthy, once.founded, once.reason)


def test_rollout_that_somebody_else_ends_is_closed_in_the_journal(tmp_path: Path) -> None:
    with living(tmp_path, stall()) as life:
        life.until(5.5)
        change = Change(at=life.time.now, who="somebody", why="enough of it")
        life.engine.home.releases.withdraw(life.engine.standing, change)
        life.until(5.8)
        (run,) = rollouts(life)
        assert (run.status, run.message) == ("done", "withdraw by somebody: enough of it")


# ---- what must be there before the next step


def test_step_that_must_prove_a_margin_stays_until_it_has_and_people_are_told_once(tmp_path: Path) -> None:
    rollout = Canary("40%", "100%", watch="10m", guards=[Reward(wanted, proven_within=0.01)])
    with living(tmp_path, stall(rollout=rollout)) as life:
        life.until(7)
        standing = life.engine.standing
        assert (standing.rollout is not None, verdict(life).shown) == (True, False)
        (alert,) = life.engine.home.journal.alerts("stall", monitor="guard")
        assert f"{standing.candidate} stays at 40%, as it is not proven to be within its margin: the outcome's mean is" in alert.message
        assert alert.message.endswith("it waits on, unless somebody promotes or withdraws it")


def test_step_that_has_proven_its_margin_goes_on(tmp_path: Path) -> None:
    rollout = Canary("40%", "100%", watch="10m", guards=[Reward(wanted, proven_within=0.6)])
    with living(tmp_path, stall(rollout=rollout), Street(glances=80)) as life:
        life.until(6)
        said = next(one for _, one in life.done if "serves everyone" in one)
        assert "that it is within its margin, by " in said
        assert life.engine.home.journal.alerts("stall", monitor="guard") == []


def test_step_that_hears_of_too_few_units_waits_six_times_as_long_and_people_are_told(tmp_path: Path) -> None:
    with living(tmp_path, stall(rollout=Canary("40%", "100%", watch="20m", least=50))) as life:
        life.until(7)
        begun, ended = (next(at for at, one in life.done if said in one) for said in ("begins with 40%", "serves everyone"))
        assert 110 * MINUTE <= ended - begun <= 130 * MINUTE
        (alert,) = life.engine.home.journal.alerts("stall", monitor="guard")
        assert "on the gate's word alone" in alert.message


# ---- what is read


def test_shares_are_those_of_the_rollout_whatever_experiment_lies_within() -> None:
    loaded = stall(beside=0.25)
    shares = inner_shares(loaded.system.policy)
    assert (shares["ranked"], shares["plain"], shares["outside"]) == (0.75, 0.25, 0.0)
    assert inner_shares(stall().system.policy) == {"": 1.0}


def test_every_decision_is_read_once_with_its_arm_and_share(tmp_path: Path) -> None:
    with living(tmp_path, stall(beside=0.25), Street(glances=80)) as life:
        life.until(4.8)
        decided = Decided(life.engine.loaded, life.engine.home.log, START, "passer")
        first, _ = decided.more()
        life.until(5.8)
        then, seen = decided.more()
        logged = [one for _, one in life.engine.home.log.decisions("stall")]
        assert [one.id for one in (*first, *then)] == [one.id for one in logged]
        judged = take(seen, seen["is_judged"])
        assert set(judged["share"].tolist()) == {0.4}
        assert 0.2 < judged["treated"].mean() < 0.6
        assert {one.id for one in then if one.arm.endswith("/plain")}.isdisjoint(judged["id"].tolist())
        passer = asked(life)
        assert seen["unit"].tolist() == [passer[one] for one in seen["id"].tolist()]


def asked(life: Life) -> dict[str, str]:
    """Return who asked, by the id of the request."""
    rows = life.engine.home.log.read(life.engine.loaded.system.request)
    return dict(zip(rows["id"].tolist(), rows["passer"].tolist(), strict=True))


def test_what_came_is_what_training_would_label_however_often_one_looks(tmp_path: Path) -> None:
    with living(tmp_path, stall(), Street(glances=80)) as life:
        life.until(5.7)
        loaded, log, now, began = life.engine.loaded, life.engine.home.log, life.time.now, life.engine.standing.at
        known = []
        for looks in ([now], [*range(began, now, 3 * MINUTE), now]):
            decided, came = Decided(loaded, log, began, "passer"), Came(loaded, log, wanted, began)
            came.made(*decided.more())
            known.append(stack([part for look in looks for part in came.known(look) if size(part)]))
        once, often = known
        assert size(once) > 100
        assert {name: column.tolist() for name, column in once.items() if name != "predicted"} == {
            name: column.tolist() for name, column in often.items() if name != "predicted"
        }
        rows = life.operator.history.decided(began, now)
        keys = join_keys(wanted, loaded.system.request, loaded.system.candidate)
        events, length = life.operator.history.events(wanted.stream, now), wanted.window // 60
        for part in np.unique(once["part"]).tolist():
            labels = label(wanted, rows, events, keys, began + (part + 1) * length)
            for one, mean in zip(once["id"][once["part"] == part], once["observed"][once["part"] == part], strict=True):
                assert mean == pytest.approx(labels[rows["id"] == one].mean())


def test_where_nobody_said_what_is_good_no_outcome_is_read() -> None:
    loaded = stall()
    guards, outcomes = watched_for(loaded)
    assert [type(one).__name__ for one in guards] == ["Misses", "Latency", "Reward", "ActionShares"]
    assert [(of.column, [type(one) for one in reads]) for of, reads in outcomes] == [(wanted.column, [Reward])]
    only = stall(rollout=Canary("40%", "100%", guards=[Misses()]))
    assert watched_for(only) == ([Misses()], [])


# ---- rivals and restarts


@pytest.mark.parametrize("processes", [2, 4])
def test_of_several_processes_that_saw_the_same_harm_one_takes_the_canary_back(
    processes: int, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    with living(tmp_path, stall(Sorting(backwards=(2,)))) as life:
        life.until(5)
        life.operator.step = lambda _now: []  # type: ignore[method-assign]
        life.until(6)
        now = life.time.now
        assert life.engine.standing.rollout is not None
    command = [sys.executable, "-m", "tests.operate.guard_racing", str(tmp_path), str(now), str(processes)]
    done = subprocess.run(command, cwd=pytestconfig.rootpath, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("said: ")]
    assert len(said) == processes
    assert sum("was rolled back" in one for one in said) == 1
    assert sum("left to another" in one for one in said) == processes - 1
    loaded = stall()
    home = Home(tmp_path, loaded, read_only=True)
    history = home.releases.history("stall")
    assert [one.action for one in history] == ["promote", "roll out", "withdraw"]
    assert len(home.journal.alerts("stall", monitor="guard")) == 1
    home.close()
