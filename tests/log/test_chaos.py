"""Killed before any line and torn at any byte: nothing acknowledged is lost, nothing is doubled, and the state rebuilt is equal.

`make chaos` runs all cases, `make chaos SEED=17` one of them again.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from millrace.decision import Decisions
from millrace.log import forget
from millrace.log.inbox import FILE as INBOX
from millrace.log.log import Log
from millrace.stores.backed import latest, read
from millrace.stores.restore import restore
from millrace.stores.snapshots import Snapshots
from millrace.types import objects
from tests.killing import Killers, killers
from tests.log.chaos import PEOPLE, PLAN, RECORDS, VIDEOS, caught_up, forgotten, happened, members, person, saved, seconds
from tests.log.world import NOON, STREAMS, ids

ROUNDS = 4
"""How many processes work on a folder, one after the other, each killed."""
QUICK, ALL = range(6), range(6, 306)
SEED = os.environ.get("MILLRACE_CHAOS_SEED")


@pytest.fixture(scope="module")
def processes() -> Iterator[Killers]:
    with killers("tests.log.chaos") as made:
        yield made


@pytest.mark.parametrize("seed", [int(SEED)] if SEED else QUICK)
def test_case_of_a_seed(processes, folder, seed):
    case(processes, folder, seed)


@pytest.mark.slow
@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("start", range(ALL.start, ALL.stop, 20))
def test_twenty_more(processes, folder, start):
    for seed in range(start, start + 20):
        (folder / str(seed)).mkdir()
        case(processes, folder / str(seed), seed)
        shutil.rmtree(folder / str(seed))


@pytest.mark.skipif(bool(SEED), reason="one seed is asked for")
@pytest.mark.parametrize("sample", [6, pytest.param(None, marks=pytest.mark.slow)])
def test_killed_at_any_line_that_drops_saves_or_copies(processes, folder, sample):
    lines = followed(processes, folder / "all", 0)
    chosen = range(1, lines + 1) if sample is None else np.random.default_rng(sample).choice(lines, sample, replace=False) + 1
    for number in chosen:
        assert followed(processes, folder / str(number), int(number)) == 0
        check(folder / str(number) / "home", f"line {number}")
        followed(processes, folder / str(number), 0)
        check(folder / str(number) / "home", f"line {number}, done again")
        restored_is_whole(folder / str(number), folder / str(number) / "home", f"line {number}")
        shutil.rmtree(folder / str(number))
    assert lines > 100


def followed(processes: Killers, folder: Path, line: int) -> int:
    """Let a process work through the script, killed at a line; return how many lines there were, 0 if it was killed before the end."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    (home / "promises").touch()
    processes.killed("follow", home, line)
    return int((home / "lines").read_text()) if (home / "lines").exists() else 0


def case(processes: Killers, folder: Path, seed: int) -> None:
    """Let processes work on a folder, each killed; after each, tear something and check everything."""
    home = folder / "home"
    home.mkdir()
    (home / "promises").touch()
    for number in range(ROUNDS):
        name = f"seed {seed}, round {number}"
        processes.killed("live", home, seed * ROUNDS + number)
        chance = np.random.default_rng([seed, number])
        tear = chance.choice(list(TEARS))
        TEARS[tear](processes, home, chance)
        check(home, f"{name}, {tear}")
    restored_is_whole(folder, home, f"seed {seed}")


def torn_write_ahead_log(processes: Killers, home: Path, chance: np.random.Generator) -> None:
    """Tear what was written to the write-ahead log after all that was acknowledged: cut off, sectors of it lost or garbled."""
    base, wal = home / "log" / INBOX, home / "log" / f"{INBOX}-wal"
    before = wal.read_bytes() if wal.exists() else b""
    if not before or not (home / "log" / "acknowledged").exists():
        return
    mark, whole = (home / "log" / "acknowledged").read_bytes(), base.read_bytes()
    gone, names = Promises(home).may_be_gone, (f"t{chance.integers(10**9)}" for _ in itertools.count())
    processes.killed("once", home, next(name for name in names if person(name) not in gone))
    after = bytearray(wal.read_bytes())
    if base.read_bytes() != whole or bytes(after[: len(before)]) != before:  # begun anew: what was there is in the database
        return
    for sector in range(len(before), len(after), 512):
        if chance.random() < 0.1:
            after[sector : sector + 512] = bytes(512) if chance.random() < 0.5 else chance.bytes(512)
    wal.write_bytes(after[: int(chance.integers(len(before), len(after) + 1))])
    (home / "log" / "acknowledged").write_bytes(mark)
    (home / "log" / f"{INBOX}-shm").unlink()


def torn_lake(processes: Killers, home: Path, chance: np.random.Generator) -> None:
    """Leave files in the lake that were cut off, unfinished or never made a part."""
    for path in list((home / "log" / "lake").glob("*/*.parquet")):
        content = path.read_bytes()[: int(chance.integers(0, path.stat().st_size))]
        path.with_suffix(".unfinished").write_bytes(content)
        path.with_name(f"9{path.name}").write_bytes(content)


def torn_snapshot(processes: Killers, home: Path, chance: np.random.Generator) -> None:
    """Cut the last snapshot off, or change a byte of it."""
    found = sorted((home / "snapshots").glob("*.npz"))
    if found:
        content = bytearray(found[-1].read_bytes())
        place = int(chance.integers(0, len(content)))
        content[place] ^= 0x40
        found[-1].chmod(0o644)
        found[-1].write_bytes(content[:place] if chance.random() < 0.5 else content)


def torn_mark(processes: Killers, home: Path, chance: np.random.Generator) -> None:
    """Lose the mark, or part of it, and what the system keeps in memory of the write-ahead log."""
    mark, shared = home / "log" / "acknowledged", home / "log" / f"{INBOX}-shm"
    if mark.exists():
        mark.write_bytes(mark.read_bytes()[: int(chance.integers(0, 3))] or b"half")
    if shared.exists():
        shared.write_bytes(chance.bytes(shared.stat().st_size))


def nothing(processes: Killers, home: Path, chance: np.random.Generator) -> None:
    """Leave all as it is."""


TEARS = {
    "nothing torn": nothing,
    "a torn write-ahead log": torn_write_ahead_log,
    "a torn lake": torn_lake,
    "a torn snapshot": torn_snapshot,
    "a torn mark": torn_mark,
}


class Promises:
    """What processes were promised: which records are acknowledged, who is forgotten, who may be."""

    def __init__(self, home: Path) -> None:
        self.known: dict[tuple[str, str], int] = {}
        self.may_be_gone: set[str] = set()
        self.gone: set[str] = set()
        for line in (home / "promises").read_text().splitlines():
            sign, rest = line.split(" ", 1)
            if sign == "+":
                stream, known, id_ = rest.split(" ", 2)
                assert self.known.setdefault((stream, id_), int(known)) == int(known), "acknowledged again as of another instant"
            elif sign in "~-":
                (self.may_be_gone if sign == "~" else self.gone).add(rest)


def batch_of(stream: str, id_: str) -> str:
    return id_.rpartition("-")[0] if stream == "Watch" else id_


def contents(log: Log) -> dict[tuple[str, str], tuple[int, int]]:
    """Return (known, position) of every record, each of which is what its id says and there once."""
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for stream in RECORDS:
        rows = log.read(stream)
        for place, id_ in enumerate(ids(rows)):
            assert (stream.__name__, id_) not in found, f"{id_} is there twice"
            found[stream.__name__, id_] = (int(rows["known"][place]), int(rows["position"][place]))
            if stream.__name__ == "Watch":
                assert rows["seconds"][place] == seconds(id_)
    assert len({position for _, position in found.values()}) == len(found)
    live = sorted((position, known) for known, position in found.values() if known >= NOON)
    assert (np.diff([known for _, known in live]) > 0).all()
    return found


def check(home: Path, name: str) -> None:
    """Check a log against what was promised, and its state against itself."""
    promises, snapshots = Promises(home), Snapshots(home / "snapshots")
    with Log.open(home / "log", STREAMS) as log:
        if (intent := forget.pending(home / "log")) is not None:
            assert intent.who.id in promises.may_be_gone, name
            forgotten(log, snapshots, intent.who.id)
        found, floor = contents(log), log.retained().get("Watch", 0)
        assert log.position >= max((position for _, position in found.values()), default=0), name
        for (stream, id_), known in promises.known.items():
            who = person(batch_of(stream, id_))
            if (stream, id_) in found:
                assert found[stream, id_][0] == known, f"{name}: {id_}"
            else:
                assert who in promises.may_be_gone or (stream == "Watch" and happened(id_) < floor), f"{name}: {stream} {id_} is lost"
        batches = {batch_of(*key) for key in found}
        assert not promises.gone & {person(batch) for batch in batches}, name
        for batch in batches:
            wanted = [("Watch", id_) for id_ in members(batch) if happened(id_) >= floor or batch.startswith("t")]
            wanted += [] if batch.startswith("h") else [("Refresh", batch), ("Decision", batch)]
            assert all(key in found for key in wanted), f"{name}: {batch} is there in part"
        same_state(log, snapshots, name)


def same_state(log: Log, snapshots: Snapshots, name: str) -> None:
    """Check that the state restored from a snapshot is the one that the log alone gives."""
    short, full = caught_up(log, saved(snapshots)), caught_up(log, None)
    watermark = max(log.last_known, NOON) + 1
    asked = {"id": objects(f"q{n}" for n in range(len(PEOPLE))), "at": np.full(len(PEOPLE), watermark), "viewer": objects(PEOPLE)}
    asked["limit"] = np.full(len(PEOPLE), 3)
    rows = {"request": np.repeat(np.arange(len(PEOPLE)), len(VIDEOS)), "candidate": objects(VIDEOS * len(PEOPLE))}
    features = list(PLAN.features.values())
    one, other = (view.lookup(features, Decisions(asked, rows), watermark) for view in (short, full))
    for column in one:
        np.testing.assert_array_equal(one[column], other[column], err_msg=f"{name}: {column}")


def restored_is_whole(folder: Path, home: Path, name: str) -> None:
    """Check that the last finished backup, if there is one, is the log as it was at its position."""
    backups = folder / "home.backups"
    if (last := latest(backups)) is None:
        return
    assert read(last).system == "feed"
    restore(backups, folder / "restored")
    with Log.open(folder / "restored" / "log", STREAMS) as copy, Log.open(home / "log", STREAMS) as log:
        then, now = contents(copy), contents(log)
        since = Promises(home).may_be_gone
        gone = [key for key in then if key not in now and person(batch_of(*key)) not in since]
        assert all(stream == "Watch" and happened(id_) < log.retained().get("Watch", 0) for stream, id_ in gone), name
        same_state(copy, Snapshots(folder / "restored" / "snapshots"), name)
