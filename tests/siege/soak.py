"""A server under mixed load for as long as is asked: its memory, files and threads are sampled, and a verdict is printed.

    python -m tests.siege.soak --minutes 30

The log grows with what is logged and the view with whom it knows, so the same few visitors and goods are used throughout: what grows then
is kept for no reason. SQLite keeps the pages of the log's inbox that it wrote, 64 MiB at most: as much as that explains is taken off. The
first two fifths are left out, in which other caches fill.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

import numpy as np
from scipy import stats

from tests.cli.test_serving import answer
from tests.siege import procfs
from tests.siege.besieged import SHELF, Besieged
from tests.siege.callers import asked
from tests.siege.shots import valid
from tests.siege.test_chaos import stock

CALLERS, PAUSE_S, SAMPLE_S = 3, 0.02, 1.0
WARM = 0.4
"""What part of the time is left out: until the first compaction, after ten minutes, the memory that it uses anew was not asked for yet."""
BLOCKS = 20
"""Into how many means the samples are gathered: neighbours are alike, means of many are nearly independent."""
MOST_CACHED = 64 * 2**20
"""How much of the inbox its writer keeps in memory, in bytes."""
MOST_MIB_AN_HOUR = 30.0
"""How steep the slope may certainly be, where zero lies outside its interval."""
MOST_MORE = {"databases": 4, "files": 1, "threads": 1}
"""How many more there may be in the second half than in the first. A reader of a database has two files, and as many stay open as ever read
at one moment, so now and then one or two are added by chance; a reader lost with each call would be thousands."""


@dataclass
class Tally:
    """What was counted meanwhile."""

    answered: dict[int, int] = field(default_factory=dict)
    samples: list[tuple[float, int, int, int, int]] = field(default_factory=list)

    def count(self, status: int) -> None:
        self.answered[status] = self.answered.get(status, 0) + 1


def call(of: Besieged, number: int, ended: threading.Event, tally: Tally) -> None:
    """Tell and ask, score rows and read, in turn, until told to end."""
    others, turn = [one for one in valid(of.version) if "rollout" not in one.path and one.path != "/v1/decide"], 0
    connection = of.connect()
    while not ended.wait(PAUSE_S):
        turn += 1
        path, body = asked(f"{number}-{turn}", turn)
        try:
            connection.request("POST", path, json.dumps(body))
            answered = connection.getresponse()
            answered.read()
            tally.count(answered.status)
            if turn % 10 == 0:
                one = others[turn // 10 % len(others)]
                connection.request(one.method, one.path, one.body, dict(line.split(": ", 1) for line in one.headers))
                connection.getresponse().read()
        except (OSError, HTTPException):
            tally.count(0)
            connection.close()


def sample(processes: list[int], inbox: Path, begun: float, tally: Tally) -> None:
    """Note how much memory, how many files and how many threads some processes have together."""
    numbers = [(procfs.memory(one), *procfs.files(one), procfs.threads(one)) for one in processes]
    memory, databases, files, threads = map(sum, zip(*numbers, strict=True))
    cached = min(inbox.stat().st_size, MOST_CACHED)
    tally.samples.append((time.monotonic() - begun, memory - cached, databases, files, threads))


def slope(seconds: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    """Return by how much values grow in a second, and half the width of its 95 % interval, from means of blocks."""
    blocks = [np.array_split(one, BLOCKS) for one in (seconds, values)]
    x, y = (np.array([one.mean() for one in each]) for each in blocks)
    fitted = stats.linregress(x, y)
    return float(fitted.slope), float(fitted.stderr * stats.t.ppf(0.975, BLOCKS - 2))


def verdict(tally: Tally) -> bool:
    """Print what was found, and return whether nothing grows."""
    seconds, memory, databases, files, threads = np.array(tally.samples).T
    late = seconds > seconds[-1] * WARM
    per_s, half = slope(seconds[late], memory[late])
    scale = 3600 / 2**20
    is_flat = per_s - half <= 0 or (per_s + half) * scale < MOST_MIB_AN_HOUR
    grew = {name: _grew(of[late]) for name, of in (("databases", databases), ("files", files), ("threads", threads))}
    bad = {status: n for status, n in tally.answered.items() if status not in (200, 429, 503)}
    by_hour = f"{per_s * scale:+.1f} ± {half * scale:.1f} MiB an hour (95 %)"
    course = [f"{part.mean() / 2**20:.0f}" for part in np.array_split(memory, BLOCKS)]
    print(f"memory beside the cache of the log, in MiB, a mean for each twentieth of the time: {' '.join(course)}")
    print(f"memory beside the cache of the log: {memory[late][0] / 2**20:.0f} to {memory[-1] / 2**20:.0f} MiB: {by_hour}")
    for name, of in (("files of databases", databases), ("other files", files), ("threads", threads)):
        print(f"{name}: {of[late].min():.0f} to {of[late].max():.0f}")
    print(f"answered {dict(sorted(tally.answered.items()))}")
    is_good = bool(is_flat and not bad and all(more <= MOST_MORE[name] for name, more in grew.items()))
    print(
        f"verdict: {'nothing grows' if is_good else 'SOMETHING GROWS OR FAILED'}: memory flat {is_flat}, grown {grew}, wrong answers {bad}"
    )
    return is_good


def _grew(values: np.ndarray) -> float:
    """Return by how much the median of the second half is above that of the first."""
    first, second = np.array_split(values, 2)
    return float(np.median(second) - np.median(first))


def soak(minutes: float, workers: int) -> bool:
    """Serve under load, sampled; return whether nothing grew and the log proves itself."""
    tally, ended = Tally(), threading.Event()
    with tempfile.TemporaryDirectory() as made:
        server = Besieged(Path(made), Path(made) / "home", *(("--workers", str(workers)) if workers > 1 else ()))
        try:
            server.start()
            stock(server)
            begun = time.monotonic()
            callers = [threading.Thread(target=call, args=(server, n, ended, tally)) for n in range(CALLERS)]
            for one in callers:
                one.start()
            while time.monotonic() - begun < minutes * 60:
                time.sleep(SAMPLE_S)
                sample([server.owner, *server.workers], server.home / "log" / "inbox.sqlite", begun, tally)
            ended.set()
            for one in callers:
                one.join()
            is_ended = server.end() == 0
            is_compacted = "records to the lake" in server.said
        finally:
            ended.set()
            server.close()
        is_good = verdict(tally)
        status, out, err = answer(Path(made), "verify", SHELF, "--home", str(Path(made) / "home"), "--last", "2000")
        print(f"compacted: {is_compacted}; ended in order: {is_ended}; verify: {(out + err).strip().splitlines()[-1]}")
    return is_good and is_ended and status == 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=1)
    chosen = parser.parse_args()
    sys.exit(not soak(chosen.minutes, chosen.workers))
