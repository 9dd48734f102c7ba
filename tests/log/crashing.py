"""A process that forks children which write to a log as fast as they can, and kills each after a while: run by `test_crash.py`.

It reads lines of "folder run delay" and answers each with a line when the child is dead. It never opens a log itself, so that a child
starts from a clean process with everything imported, in a few milliseconds.
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

import pyarrow.compute  # noqa: F401
import pyarrow.parquet  # noqa: F401
from millrace.log.log import Log
from millrace.log.writer import Writer
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


def main():
    for line in sys.stdin:
        folder, run, delay = line.split()
        child = os.fork()
        if not child:
            try:
                write(Path(folder), int(run))
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(1)
        time.sleep(float(delay))
        os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        print("killed" if os.WIFSIGNALED(status) else "failed", flush=True)


if __name__ == "__main__":
    main()
