"""Runs a job in one process after another, each killed one step later than the one before; prints what each left, as lines of JSON.

    python -m tests.stores.dying JOB FOLDER POINTS

A step is a call of the system that changes what is on disk, or its return. The job's code is the one users run: the steps are counted
by the interpreter's profiler. This process forks, so it has no threads and holds no database open while it does.
"""

import json
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.stores import jobs

STEPS = {"open", "write", "close", "chmod", "fsync", "mkdir", "rename", "unlink", "rmdir", "flock", "execute", "commit", "rollback"}


class Reaper:
    """Counts the steps of this process and kills it at one of them."""

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def __call__(self, frame: object, event: str, called: Any) -> None:
        if event in ("c_call", "c_return") and called.__name__ in STEPS:
            self.count += 1
            if self.count == self._last:
                os.write(1, f"{event} {called.__name__}".encode())
                os.kill(os.getpid(), signal.SIGKILL)


def counted(work: Callable[[], None]) -> int:
    """Return how many steps a job takes in a process of its own."""
    return int(forked(work, last=0)[1])


def forked(work: Callable[[], None], last: int) -> tuple[int, str]:
    """Do work in a child that dies at a step; return how it ended and what it said: its last step, or how many it took."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writing, 1)
        reaper = Reaper(last)
        sys.setprofile(reaper)
        work()
        sys.setprofile(None)
        os.write(1, str(reaper.count).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as told:
        said = told.read()
    return os.waitpid(child, 0)[1], said


def main(name: str, folder: Path, points: int) -> None:
    """Kill the job at `points` steps, evenly from its first to its last."""
    job = getattr(jobs, name)()
    job.prepare(folder / "template")
    shutil.copytree(folder / "template", folder / "whole")
    steps = counted(lambda: job.work(folder / "whole"))
    for last in sorted({1 + round(i * (steps - 1) / (points - 1)) for i in range(points)}):
        home = folder / f"killed-{last}"
        shutil.copytree(folder / "template", home)
        ended, step = forked(lambda home=home: job.work(home), last)
        print(json.dumps({"killed": os.WIFSIGNALED(ended), "step": step, **job.inspect(home)}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
