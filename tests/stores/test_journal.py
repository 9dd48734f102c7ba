from pathlib import Path

import numpy as np
import pytest

from millrace.errors import BadInput, Conflict
from millrace.stores.database import open_database
from millrace.stores.journal import Alert, Journal, Run


def alert(at: int, system: str = "feed", monitor: str = "drift", severity: str = "warning", message: str = "shifted", **data) -> Alert:
    return Alert(system=system, monitor=monitor, at=at, severity=severity, message=message, data=data)


def test_alerts_are_found_by_system_monitor_and_time(journal: Journal):
    for one in (alert(30), alert(10), alert(20, system="fraud"), alert(20, monitor="freshness")):
        journal.alert(one)
    assert [found.at for found in journal.alerts()] == [10, 20, 20, 30]
    assert [found.at for found in journal.alerts("feed", since=10, until=30)] == [10, 20]
    assert [found.at for found in journal.alerts("feed", monitor="drift")] == [10, 30]
    assert journal.alerts("nobody") == []


def test_same_alert_told_again_after_a_restart_is_one(journal: Journal):
    first = journal.alert(alert(10, psi=0.3))
    assert journal.alert(alert(10, psi=0.3)) == first
    journal.alert(alert(10, message="another feature shifted"))
    assert len(journal.alerts()) == 2


def test_alert_keeps_its_figures_as_plain_numbers(journal: Journal):
    told = journal.alert(alert(np.int64(10), psi=np.float64(0.5), worst=float("nan"), by=np.arange(2)))
    assert told.data == {"psi": 0.5, "worst": None, "by": [0, 1]}
    assert journal.alerts() == [told]
    assert type(told.at) is int


def test_alert_that_nobody_would_be_called_for_is_refused(journal: Journal):
    with pytest.raises(BadInput, match="'bad' is not a severity: choose info, warning, critical"):
        journal.alert(alert(10, severity="bad"))
    with pytest.raises(BadInput, match=r"Alert\.at is wrong: expected `int`, got `null`"):
        journal.alert(alert(None))


def test_run_is_started_noted_and_finished(journal: Journal, home: Path):
    run = journal.start("feed", "train", "day 3", 100, {"rows": 5})
    run = journal.note(run, {"trees": 10})
    run = journal.finish(run, 200, "done", "auc 0.8", {"version": "ranker-0001-abc"})
    assert run == Run(
        system="feed",
        kind="train",
        key="day 3",
        attempt=1,
        started=100,
        ended=200,
        status="done",
        message="auc 0.8",
        data={"rows": 5, "trees": 10, "version": "ranker-0001-abc"},
    )
    with open_database(home) as other:
        assert Journal(other).run("feed", "train", "day 3") == run
    assert journal.run("feed", "train", "day 4") is None


def test_runs_are_found_by_system_kind_and_time(journal: Journal):
    journal.start("feed", "train", "a", 30)
    journal.start("feed", "gate", "a", 10)
    journal.start("fraud", "train", "a", 20)
    assert [(run.system, run.kind) for run in journal.runs()] == [("feed", "gate"), ("fraud", "train"), ("feed", "train")]
    assert [run.started for run in journal.runs("feed", since=10, until=30)] == [10]
    assert [run.started for run in journal.runs(kind="train")] == [20, 30]


def test_key_is_used_once(journal: Journal):
    journal.start("feed", "train", "a", 10)
    with pytest.raises(Conflict, match="train a of feed is running already: resume it if it was left, or choose another key"):
        journal.start("feed", "train", "a", 20)


@pytest.mark.parametrize("left", ["running", "failed"])
def test_run_that_was_left_or_failed_is_resumed_where_it_was(journal: Journal, left: str):
    run = journal.note(journal.start("feed", "import", "file 1", 10), {"lines": 500})
    if left == "failed":
        run = journal.finish(run, 20, "failed", "disk full")
    again = journal.resume(run, 30)
    assert (again.attempt, again.status, again.started, again.ended, again.message) == (2, "running", 30, None, "")
    assert again.data == {"lines": 500}
    assert journal.run("feed", "import", "file 1") == again


def test_process_whose_run_was_taken_over_can_write_to_it_no_more(journal: Journal):
    old = journal.start("feed", "train", "a", 10)
    new = journal.resume(old, 20)
    for write in (
        lambda: journal.note(old, {"x": 1}),
        lambda: journal.finish(old, 30, "done"),
        lambda: journal.resume(old, 30),
    ):
        with pytest.raises(Conflict, match="train a of feed was taken over or ended since it was seen: look again"):
            write()
    assert journal.run("feed", "train", "a") == new


def test_finished_run_stays_as_it_ended(journal: Journal):
    running = journal.start("feed", "train", "a", 10)
    done = journal.finish(running, 20, "done")
    with pytest.raises(Conflict, match="is done: there is nothing to resume"):
        journal.resume(done, 30)
    for seen in (running, done):
        with pytest.raises(Conflict):
            journal.finish(seen, 30, "failed")
        with pytest.raises(Conflict):
            journal.note(seen, {"x": 1})
    assert journal.runs() == [done]


def test_notes_of_two_threads_of_one_attempt_are_both_kept(journal: Journal):
    run = journal.start("feed", "train", "a", 10)
    journal.note(run, {"ranker": "fitted"})
    assert journal.note(run, {"towers": "fitted"}).data == {"ranker": "fitted", "towers": "fitted"}


def test_run_that_ends_neither_done_nor_failed_is_refused(journal: Journal):
    run = journal.start("feed", "train", "a", 10)
    with pytest.raises(BadInput, match="a run cannot end 'fine': choose done or failed"):
        journal.finish(run, 20, "fine")
    with pytest.raises(BadInput, match=r"Run\.ended is wrong"):
        journal.finish(run, 20.5, "done")
    assert journal.run("feed", "train", "a") == run
