"""What a process does to a log until it is killed, and the process that forks those who do: run by `test_chaos.py`.

A seed says which operations follow each other and before which line of our code the process kills itself, so that a seed repeats a case.
`OPERATIONS` names what may happen; one more is one more entry. Each puts down in a file what it asks for and what it was promised: `?` a
batch that is about to be sent, `+` a record that was acknowledged, `~` somebody who is about to be forgotten, `-` somebody who is.
"""

import os
import signal
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute
import pyarrow.parquet  # noqa: F401  (so that no child needs to)

from millrace.decision import Decision
from millrace.errors import BadInput, Conflict
from millrace.features.declare import count, last, maximum, total
from millrace.features.online import OnlineView
from millrace.features.plan import plan
from millrace.features.snapshot import restore, snapshot
from millrace.log import forget, inbox
from millrace.log.log import Log
from millrace.log.traces import Who
from millrace.stores.backup import back_up
from millrace.stores.snapshots import Snapshots
from millrace.types import DAY, MINUTE, moment
from tests.killing import ended
from tests.log.world import NOON, STREAMS, Refresh, Video, Viewer, Watch, decision, refresh

PEOPLE = [f"person {n}" for n in range(6)]
VIDEOS = [f"video {n}" for n in range(4)]
LINES = (1000, 6000)
"""A process is killed at one of so many lines, early or late; each line counts the first two times that an operation comes to it."""
MOST = 80
"""How many operations a process does if it comes to no line to be killed at."""

PLAN = plan(
    Refresh,
    Video,
    [
        *count(Watch, per=Video, over=["1d", "3d"]),
        total(Watch.seconds, per=(Viewer, Video), over="2d"),
        maximum(Watch.seconds, per=Viewer, over="1d"),
        last(Watch.seconds, per=Video, over="3d"),
    ],
)
KEPT = 5 * DAY
"""How long watches are kept at least: longer than any window."""


def drawn(id: str) -> int:
    """Return the number that stands for an id: all else about a record follows from it, so that anyone can check it."""
    return zlib.crc32(id.encode())


def person(batch: str) -> str:
    return PEOPLE[drawn(batch) % len(PEOPLE)]


def seconds(id: str) -> float:
    return float(drawn(id) % 1000)


def happened(id: str) -> int:
    return NOON - drawn(id) % (9 * DAY // MINUTE) * MINUTE


def size(batch: str) -> int:
    return 1 + drawn(batch) % 5


def members(batch: str) -> list[str]:
    """Return the ids of the watches of a batch."""
    return [f"{batch}-{n}" for n in range(size(batch))]


@dataclass
class Life:
    """A process at work on a folder: the log it writes to, what it remembers, where it puts down what it was promised."""

    home: Path
    log: Log
    chance: np.random.Generator
    name: str
    promises: int
    batches: int = 0
    sent: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    view: OnlineView | None = None

    def promise(self, *lines: str) -> None:
        os.write(self.promises, "".join(f"{line}\n" for line in lines).encode())

    def batch(self, kind: str) -> str:
        """Return a new batch whose viewer was not forgotten."""
        while True:
            self.batches += 1
            name = f"{kind}{self.name}.{self.batches}"
            if person(name) not in self.gone:
                return name

    @property
    def snapshots(self) -> Snapshots:
        return Snapshots(self.home / "snapshots")

    def items(self, batch: str) -> list[Any]:
        """Return what is appended of a batch: its watches that are not too old, and a request with its decision."""
        floor, who = self.log.retained().get("Watch", 0), person(batch)
        watches = [
            Watch(id=id, at=moment(happened(id)), viewer=who, video=VIDEOS[drawn(id) % len(VIDEOS)], seconds=seconds(id))
            for id in members(batch)
            if happened(id) >= floor
        ]
        return [*watches, refresh(batch, viewer=who), decision(batch, *VIDEOS[:2], watermark=NOON - 100 * DAY)]


def ingest(life: Life) -> None:
    """Append a batch, or one that was sent before."""
    again = [batch for batch in life.sent[-4:] if person(batch) not in life.gone]
    batch = str(life.chance.choice(again)) if again and life.chance.random() < 0.3 else life.batch("i")
    life.sent.append(batch)
    life.promise(f"? {batch}")
    items = life.items(batch)
    receipt = life.log.append(items, max(life.log.last_known + 1, NOON))
    rows = zip(items, receipt.known.tolist(), strict=True)
    life.promise(*(f"+ {type(item).__name__} {known} {item.id}" for item, known in rows))


def load(life: Life) -> None:
    """Load a batch of history: it became known before what was appended."""
    batch = life.batch("h")
    floor, who = life.log.retained().get("Watch", 0), person(batch)
    ids = [id for id in members(batch) if happened(id) >= floor]
    if not ids:
        return
    columns: dict[str, Any] = {"id": ids, "viewer": [who] * len(ids), "video": [VIDEOS[drawn(id) % len(VIDEOS)] for id in ids]}
    columns = {name: np.array(column, dtype=object) for name, column in columns.items()}
    columns |= {"at": np.array([happened(id) for id in ids]), "seconds": np.array([seconds(id) for id in ids])}
    life.log.load(Watch, columns)
    life.promise(*(f"+ Watch {happened(id)} {id}" for id in ids))


def compact(life: Life) -> None:
    life.log.compact(slice_rows=int(life.chance.integers(3, 40)), fan_in=int(life.chance.choice([2, 3, 100])))


def save(life: Life) -> None:
    """Bring the view up to the log and save a snapshot of it."""
    life.view = caught_up(life.log, life.view or saved(life.snapshots))
    life.snapshots.save(snapshot(life.view), {"position": life.view.position})


def retain(life: Life) -> None:
    life.log.retain({"Watch": NOON - KEPT - int(life.chance.integers(0, 3)) * DAY})


def back(life: Life) -> None:
    to = life.home.parent / f"{life.home.name}.backups"
    back_up(life.home, to, "feed", NOON + len(list(to.glob("2*"))) * MINUTE)


def forget_somebody(life: Life) -> None:
    """Forget somebody, or finish forgetting whom a process forgot that was killed."""
    left = [one for one in PEOPLE if one not in life.gone]
    if len(left) < 3 and forget.pending(life.log.store.folder) is None:
        return
    intent = forget.pending(life.log.store.folder)
    who = intent.who.id if intent else str(life.chance.choice(left))
    life.promise(f"~ {who}")
    life.gone.add(who)
    forgotten(life.log, life.snapshots, who)
    life.view = None
    life.promise(f"- {who}")


def forgotten(log: Log, snapshots: Snapshots, who: str) -> None:
    """Forget somebody from the log and the snapshots, from where it was interrupted on if it was."""
    intent = forget.pending(log.store.folder) or forget.begin(log.store, Who("Viewer", who), NOON)
    intent = forget.remove(log.store, intent)
    snapshots.clear()
    forget.clear(log.store, intent)
    forget.end(log.store)


OPERATIONS: dict[str, tuple[int, Callable[[Life], None]]] = {
    "ingest": (10, ingest),
    "load": (3, load),
    "compact": (4, compact),
    "snapshot": (3, save),
    "retain": (1, retain),
    "backup": (1, back),
    "forget": (1, forget_somebody),
}
"""What may happen, with how often it does beside the others."""


def saved(snapshots: Snapshots) -> OnlineView | None:
    """Return the view of the last snapshot."""
    found, _ = snapshots.load()
    try:
        return restore(PLAN, found.arrays) if found is not None else None
    except Conflict:
        return None


def caught_up(log: Log, view: OnlineView | None) -> OnlineView:
    """Return a view brought up to the log; a new one where history was loaded behind it."""
    if view is not None:
        try:
            for batch in log.replay(after_position=view.position, streams=PLAN.streams):
                view.apply(batch)
            return view
        except BadInput:
            pass
    view = OnlineView(PLAN)
    for batch in log.replay(streams=PLAN.streams):
        view.apply(batch)
    return view


def live(home: Path, seed: int) -> None:
    """Do one thing after the other until killed."""
    chance = np.random.default_rng(seed)
    killed_at(int(chance.integers(1, chance.choice(LINES))))
    with Log.open(home / "log", STREAMS) as log:
        life = begun(home, log, chance, str(seed))
        names, weights = list(OPERATIONS), np.array([weight for weight, _ in OPERATIONS.values()])
        for _ in range(MOST):
            killed_at.seen.clear()
            OPERATIONS[str(chance.choice(names, p=weights / weights.sum()))][1](life)
    os.kill(os.getpid(), signal.SIGKILL)


def begun(home: Path, log: Log, chance: np.random.Generator, name: str) -> Life:
    """Return the life of a process that knows what those before it sent and whom they forgot."""
    said = [line.split(" ", 1) for line in (home / "promises").read_text().splitlines()]
    life = Life(home, log, chance, name, os.open(home / "promises", os.O_WRONLY | os.O_APPEND))
    life.gone = {rest for sign, rest in said if sign in "~-"}
    life.sent = [rest for sign, rest in said if sign == "?"]
    return life


SCRIPT = (
    *("ingest", "ingest", "load", "compact", "snapshot", "ingest", "retain", "ingest", "compact", "backup"),
    *("forget", "ingest", "snapshot", "load", "compact", "backup"),
)
"""What a process does that is killed at a line of its own."""


def follow(home: Path, number: int) -> None:
    """Work through the script, killed before the n-th line of the code that drops, saves and copies, if there are so many."""
    killed_at(number, "retention.py", "snapshots.py", "backup.py", "backed.py", "durable.py")
    with Log.open(home / "log", STREAMS) as log:
        life = begun(home, log, np.random.default_rng(1), "s")
        for name in SCRIPT:
            OPERATIONS[name][1](life)
    sys.settrace(None)
    (home / "lines").write_text(str(killed_at.lines))
    os.kill(os.getpid(), signal.SIGKILL)


class _KilledAt:
    """Kills this process before the n-th line executed of the code that writes.

    Attributes:
        seen: How often each line was executed; it counts the first two times.
        lines: How many counted.
    """

    def __init__(self) -> None:
        self.seen: Counter[Any] = Counter()
        self.lines = 0
        self._number = 0
        self._files: tuple[str, ...] = ()

    def __call__(self, number: int, *files: str) -> None:
        self._number = number
        self._files = files or (".py",)
        sys.settrace(self._trace)

    def _trace(self, frame: Any, event: str, _: Any) -> Any:
        file = frame.f_code.co_filename
        if not file.startswith(_WRITING) or not file.endswith(self._files):
            return None
        if event == "line":
            place = (frame.f_code, frame.f_lineno)
            self.seen[place] += 1
            if self.seen[place] <= 2:
                self.lines += 1
                if self.lines == self._number:
                    os.kill(os.getpid(), signal.SIGKILL)
        return self._trace


killed_at = _KilledAt()
_HOUSE = Path(inbox.__file__).parents[1]
_WRITING = (f"{_HOUSE}/log/", f"{_HOUSE}/stores/")


def append_once(home: Path, batch: str) -> None:
    """Append a batch that nobody hears of, and be killed: what lies in the write-ahead log then may be torn."""
    log = Log.open(home / "log", STREAMS)
    items = [Watch(id=id, at=moment(NOON), viewer=person(batch), video=VIDEOS[0], seconds=seconds(id)) for id in members(batch)]
    asked = [refresh(batch, viewer=person(batch)), decision(batch, *VIDEOS[:2], watermark=NOON - 100 * DAY)]
    log.append([*items, *asked], max(log.last_known + 1, NOON))
    os.kill(os.getpid(), signal.SIGKILL)


TASKS: dict[str, Callable[[Path, str], None]] = {
    "live": lambda home, seed: live(home, int(seed)),
    "follow": lambda home, line: follow(home, int(line)),
    "once": append_once,
}
"""What a process may be asked to do until it is killed."""


def perform(what: str, folder: str, more: str) -> None:
    """Do a task; where it fails, let nothing kill the process while it says why."""
    try:
        TASKS[what](Path(folder), more)
    finally:
        sys.settrace(None)


def main() -> None:
    for line in sys.stdin:
        words = line.split()
        ended(lambda words=words: perform(*words))


RECORDS: list[Any] = [Watch, Refresh, Decision]
"""The streams whose records are checked."""

if __name__ == "__main__":
    main()
