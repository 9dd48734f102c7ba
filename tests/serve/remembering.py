"""A club's folder full of people, and what is left of them: for the tests of forgetting.

Run as a module it forks children that forget and are killed: it answers lines of "FOLDER N".
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute  # noqa: F401  (so that no child needs to)
import pyarrow.parquet as pq
import sqlalchemy  # noqa: F401  (so that no child needs to)

from millrace.loaded import Loaded
from millrace.loading import load
from millrace.log import forget as log_forget
from millrace.log import inbox, keys, lake, rejected, store, traces
from millrace.log.rejected import Rejected
from millrace.log.traces import Who
from millrace.models.learner import Examples
from millrace.operate.simulation import SimulatedTime
from millrace.serve import forgetting
from millrace.serve.engine import Engine
from millrace.serve.forgetting import forget
from millrace.serve.home import Home
from millrace.stores import artefacts, database, durable, manifest, redaction, snapshots, tombstones
from millrace.stores.audit import Change
from millrace.stores.journal import Alert
from millrace.stores.tombstones import Tombstone
from millrace.stores.versions import Lineage
from millrace.types import MINUTE, SECOND, moment, objects
from millrace.walk import digest
from tests.killing import answer

NOW = 1_767_268_800_000_000
"""Noon of the first of January 2026, microseconds since 1970 UTC."""

MEMBERS = [f"member-{n:02}" for n in range(6)]
GONE = MEMBERS[2]
WHO = Who("Member", GONE, is_candidate=True)
TRACES = (GONE, f"town-of-{GONE}", f"mail-of-{GONE}", f"words-by-{GONE}", f"wish-of-{GONE}", f"text-on-{GONE}")
"""What no file may hold afterwards: the id, and what only records of that person say."""


def loaded() -> Loaded:
    return load("tests.serve.intimate")


@contextmanager
def running(folder: Path, time: SimulatedTime) -> Iterator[Engine]:
    system = loaded()
    home = Home(folder, system)
    try:
        engine = Engine(system, home, now=time, patient=True)
        yield engine
        engine.close()
    finally:
        home.close()


def fill(folder: Path) -> None:
    """Let the club live for an hour: part of it in the lake, part in the inbox, with a model, snapshots, alerts and rejected rows."""
    time = SimulatedTime(NOW)
    with running(folder, time) as engine:
        streams = engine.loaded.streams
        chance = np.random.default_rng(3)
        for turn in range(4):
            for n, member in enumerate(MEMBERS):
                other = MEMBERS[int(chance.integers(len(MEMBERS)))]
                time.now += SECOND
                at = moment(time.now)
                wave = streams["Wave"](id=f"wave-{turn}-{n}", at=at, by=member, to=other, words=f"words-by-{member}")
                person = streams["Member"](id=member, town=f"town-of-{member}", email=f"mail-of-{member}")
                engine.ingest([wave] if turn else [person, wave])
            for n, member in enumerate(MEMBERS):
                time.now += SECOND
                at, whom = moment(time.now), MEMBERS[(n + turn) % len(MEMBERS)]
                engine.decide([streams["Browse"](id=f"browse-{turn}-{n}", at=at, member=member, wish=f"wish-of-{member}")])
                report = {"id": f"report-{turn}-{n}", "about": f"browse-{turn}-{n}", "whom": whom, "text": f"text-on-{whom}"}
                engine.ingest([streams["Report"](at=at, **report)])
            if turn in (0, 2):
                engine.home.log.compact(slice_rows=20, fan_in=2)
                engine.snapshot()
        _surround(engine)


def _surround(engine: Engine) -> None:
    """Publish a model whose files name everybody, and leave sentences about the member in the database and rejected rows."""
    model = engine.loaded.models["alike"]
    pairs = {"query": objects(MEMBERS), "candidate": objects(MEMBERS[::-1])}
    order = np.arange(len(MEMBERS))
    version = model.learner.fit(Examples(pairs, {model.heads[0]: np.ones(len(MEMBERS))}, np.ones(len(MEMBERS)), order, order), 0)
    lineage = Lineage(
        log_position=0, known_from=0, known_until=NOW, declaration=digest(model), code="", seed=0, rows=1, labels={}, created=NOW
    )
    record = engine.home.registry.publish("alike", version.save, lineage, {}, {})
    change = Change(NOW, "ann", f"asked for by Member:{GONE}")
    release = engine.home.releases.create(engine.loaded.name, {"alike": record.version}, engine.loaded.hash, {}, change)
    engine.home.releases.promote(engine.standing, release.id, change)
    alert = Alert(system="club", monitor="people", at=NOW, severity="info", message=f"{GONE} is everywhere", data={"who": [GONE]})
    engine.home.journal.alert(alert)
    aside = Rejected(engine.home.log.store.folder, "Wave", NOW)
    aside.add(1, "wrong", {"from": GONE, "at": "never"})
    aside.add(2, "wrong", {"from": "nobody", "at": "never"})
    aside.close()


def holding(folder: Path, *texts: str) -> list[tuple[str, str]]:
    """Return which files below a folder hold which texts: as bytes, or unpacked from Parquet."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += repr(pq.read_table(path).to_pylist()).encode()
            found += [(path.name, text) for text in texts if text.encode() in content]
    return found


def contents(home: Home) -> dict[str, list[dict[str, Any]]]:
    """Return all records of the log by stream, as they became known."""
    found = {}
    for codec in home.log.store.streams:
        rows = home.log.read(codec.item, list(codec.held))
        found[codec.name] = [dict(zip(rows, one, strict=True)) for one in zip(*(column.tolist() for column in rows.values()), strict=True)]
    return found


def forgetting_in(folder: Path) -> Tombstone | None:
    home = Home(folder, loaded())
    try:
        return forget(home, WHO, NOW + 60 * MINUTE)
    finally:
        home.close()


AT_WORK = (log_forget, traces, inbox, lake, keys, rejected, store, forgetting, redaction, tombstones, snapshots, artefacts, manifest)
AT_WORK = (*AT_WORK, durable, database)
"""The modules whose lines are instants to be killed at."""


if __name__ == "__main__":
    loaded()
    answer(lambda folder: forgetting_in(Path(folder)), AT_WORK)
