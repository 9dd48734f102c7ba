"""A process that forks children which write to a log and are killed: run by `test_crash.py`.

It reads lines of "time FOLDER RUN SECONDS" (a child works as fast as it can until it is killed after so long) or "line FOLDER N" (a child
works through a fixed script and kills itself at the n-th line executed of the code that writes), and answers with how the child ended. It
never opens a log itself, so that a child starts from a clean process with everything imported, in a few milliseconds.
"""

import itertools
import os
import signal
import sys
import threading
import time
import zlib
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow.compute
import pyarrow.parquet  # noqa: F401  (so that no child needs to)

from millrace.log import appending, bulk, compaction, inbox, lake, mark, store
from millrace.log.log import Log
from millrace.log.writer import Writer
from tests.killing import ended, killed_at_line
from tests.log.world import NOON, STREAMS, Watch, decision, refresh, watch

REPEATED = 20
"""How many of the last run's submissions a run sends again, not knowing which of them were acknowledged."""


def content(id):
    """Return what an id stands for, so that anyone can check it."""
    return float(zlib.crc32(id.encode()))


def batch(run, thread, number):
    id = f"{run}-{thread}-{number}"
    items = [watch(f"{id}-{i}", NOON, seconds=content(f"{id}-{i}")) for i in range(1 + number % 4)]
    return [*items, refresh(id), decision(id, "a", "b", watermark=NOON - 2000)]


def write(folder, run):
    """Append, load and compact until killed, putting down in a file what was acknowledged."""
    acknowledged = os.open(folder / "receipts", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    log = Log.open(folder / "log", STREAMS)
    writer = Writer(log, lambda: NOON)

    def submit(thread):
        repeated = [(run - 1, number) for number in range(last[thread], last[thread] + REPEATED)] if run else []
        for of, number in chain(repeated, ((run, number) for number in itertools.count())):
            items = batch(of, thread, number)
            receipt = writer.submit(items).result()
            rows = zip(items, receipt.known.tolist(), receipt.positions.tolist(), strict=True)
            lines = [f"{type(item).__name__} {item.id} {known} {position}\n" for item, known, position in rows]
            os.write(acknowledged, "".join(lines).encode())

    last = {thread: max(0, count(folder, run - 1, thread) - REPEATED // 2) for thread in range(2)}
    for thread in range(2):
        threading.Thread(target=submit, args=(thread,), daemon=True).start()
    for number in itertools.count():
        load(log, f"h{run}-{number}", acknowledged)
        log.compact(slice_rows=40, fan_in=3)


def load(log, prefix, acknowledged):
    """Load some history that became known before everything else."""
    ids = [f"{prefix}-{i}" for i in range(5)]
    columns = {"id": np.array(ids, dtype=object), "at": NOON - 1000 + np.arange(5), "seconds": np.array([content(id) for id in ids])}
    texts = {name: np.array(["x"] * 5, dtype=object) for name in ("viewer", "video")}
    assert log.load(Watch, columns | texts).added.all()
    os.write(acknowledged, "".join(f"Watch {id} {NOON - 1000 + i} 0\n" for i, id in enumerate(ids)).encode())


def count(folder, run, thread):
    """Return how many submissions of a run and thread were acknowledged."""
    receipts = (folder / "receipts").read_text().splitlines() if run >= 0 else []
    return sum(line.startswith(f"Refresh {run}-{thread}-") for line in receipts)


WRITING = (appending, bulk, compaction, inbox, lake, mark, store)
"""The modules whose lines are instants to be killed at."""


def script(folder, acknowledge):
    """Append, load, compact and merge in a fixed order; done again on the same folder, it adds only what is missing."""
    with Log.open(folder, STREAMS) as log:
        for step in range(3):
            known = log.last_known + 1 if log.position else NOON
            acknowledge(log.append([*batch(0, 0, step), *batch(0, 1, step)], known).ids)
            columns = {"id": np.array([f"h{step}-{i}" for i in range(3)], dtype=object), "at": NOON - 1000 + np.arange(3)}
            texts = {name: np.array(["x"] * 3, dtype=object) for name in ("viewer", "video")}
            log.load(Watch, columns | texts | {"seconds": np.array([content(id) for id in columns["id"]])})
            acknowledge(columns["id"])
            log.compact(slice_rows=5, fan_in=100 if step < 1 else 2)


def written(folder):
    """Work through the script, putting down in a file what was acknowledged."""
    receipts = os.open(folder / "receipts", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    script(folder / "log", lambda ids: os.write(receipts, "".join(f"{id}\n" for id in ids).encode()))


def main():
    for line in sys.stdin:
        how, folder, *more = line.split()
        here = Path(folder)
        if how == "line":
            ended(lambda here=here, more=more: killed_at_line(lambda: written(here), WRITING, int(more[0])))
        else:
            ended(lambda here=here, more=more: write(here, int(more[0])), lambda child, more=more: kill_after(child, float(more[1])))


def kill_after(child, seconds):
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
