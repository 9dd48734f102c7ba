"""`kill -9` at any instant loses nothing acknowledged and repeats nothing."""

import shutil
from collections import Counter

import numpy as np
import pytest

from millrace.decision import Decision
from millrace.log.log import Log
from tests.killing import killers
from tests.log.crashing import content, script
from tests.log.world import NOON, STREAMS, Refresh, Watch, ids

RUNS = 10
"""How often the writer of one log is killed and started again."""

LONGEST = 0.12
"""The longest time a writer lives, in seconds; opening takes some hundredths of it."""


@pytest.fixture
def writers():
    with killers("tests.log.crashing") as made:
        yield made


@pytest.mark.parametrize("moments", [40, pytest.param(240, marks=pytest.mark.slow)])
def test_killed_at_random_moments_nothing_acknowledged_is_lost_or_doubled(folder, writers, moments):
    chance = np.random.default_rng(moments)
    total = 0
    for moment in range(moments):
        run = moment % RUNS
        here = folder / f"log-{moment // RUNS}"
        here.mkdir(exist_ok=True)
        (here / "receipts").touch()
        assert writers.ask("time", here, run, chance.uniform(0, LONGEST)) == ["killed"]
        total += check(here, is_last=run == RUNS - 1)
    assert total > moments  # the writers lived long enough to be killed at work, also on a machine that is busy


@pytest.mark.parametrize("sample", [30, pytest.param(None, marks=pytest.mark.slow)])
def test_killed_at_any_line_of_the_code_that_writes_it_can_be_done_again(folder, writers, sample):
    (folder / "whole").mkdir()
    script(folder / "whole" / "log", lambda ids: None)
    with Log.open(folder / "whole" / "log", STREAMS) as log:
        expected = contents(log)
    lines = at_line(writers, folder / "counted", 0)
    chosen = range(1, lines + 1) if sample is None else np.random.default_rng(sample).choice(lines, sample, replace=False) + 1
    for number in chosen:
        here = folder / f"line-{number}"
        assert at_line(writers, here, number) is None
        acknowledged = (here / "receipts").read_text().split()
        with Log.open(here / "log", STREAMS) as log:
            found = contents(log)
        assert set(acknowledged) <= {id for _, id, _ in found}, number
        assert set(found) <= set(expected), number
        assert len(set(found)) == len(found), number
        script(here / "log", lambda ids: None)
        with Log.open(here / "log", STREAMS) as log:
            assert sorted(contents(log)) == sorted(expected), number
        shutil.rmtree(here)


def at_line(writers, folder, number):
    """Work through the script up to a line; return the number of lines if that was beyond the last, None if it was killed."""
    folder.mkdir()
    (folder / "receipts").touch()
    return writers.at_line("line", folder, number)


def contents(log):
    """Return (stream, id, value) of all records: what another run of the same script gives too."""
    rows = {"Watch": log.read(Watch), "Refresh": log.read(Refresh), "Decision": log.read(Decision)}
    return [
        (stream, id, value) for stream, some in rows.items() for id, value in zip(ids(some), some.get("seconds", ids(some)), strict=True)
    ]


def check(folder, is_last):
    """Check a log against the receipts its writers were given, and return how many these are."""
    receipts = [line.split(" ") for line in (folder / "receipts").read_text().splitlines()]
    with Log.open(folder / "log", STREAMS) as log:
        rows = {"Watch": log.read(Watch), "Refresh": log.read(Refresh), "Decision": log.read(Decision)}
        for stream, records in rows.items():
            found = dict(zip(ids(records), zip(records["known"].tolist(), records["position"].tolist(), strict=True), strict=True))
            assert len(found) == len(ids(records)), "an id is there twice"
            for given, id, known, position in receipts:
                if given == stream:
                    assert found[id][0] == int(known)
                    assert int(position) in (0, found[id][1])
        assert rows["Watch"]["seconds"].tolist() == [content(id) for id in ids(rows["Watch"])]
        whole_batches(rows)
        in_order(rows)
        if is_last:
            again = log.append([log.find(Watch, id) for id in ids(rows["Watch"])], log.last_known + 1)
            assert again.duplicates.all()
            assert again.positions.tolist() == rows["Watch"]["position"].tolist()
    return len(receipts)


def whole_batches(rows):
    """Check that of each submission all is there or nothing."""
    watched = [id.rpartition("-")[0] for id in ids(rows["Watch"]) if not id.startswith("h")]
    asked = ids(rows["Refresh"])
    assert set(watched) == set(asked) == set(ids(rows["Decision"]))
    sizes = Counter(watched)
    assert all(sizes[id] == 1 + int(id.rpartition("-")[2]) % 4 for id in asked)


def in_order(rows):
    """Check that what was acknowledged live became known at instants that ascend with the position, each its own."""
    live = [records["known"] >= NOON for records in rows.values()]
    known = np.concatenate([records["known"][some] for records, some in zip(rows.values(), live, strict=True)])
    position = np.concatenate([records["position"][some] for records, some in zip(rows.values(), live, strict=True)])
    assert (np.diff(known[np.argsort(position)]) > 0).all()
