"""A server under load, hurt in many ways at drawn instants: what it promised is kept, and it answers again soon after.

`make chaos` runs every campaign, `make chaos SEED=17` one of them again.
"""

import json
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from millrace.decision import Decision
from millrace.loading import load
from millrace.log.log import Log
from millrace.serve.clock import wall
from millrace.types import moment
from tests.adapters.private_redis import PrivateRedis
from tests.cli.test_serving import answer
from tests.log.disks import Disk, small_disk
from tests.serve.running import running
from tests.siege.besieged import GOODS, SHELF, Besieged
from tests.siege.callers import Callers, Promised, readiness, until_answered
from tests.siege.faults import FAULTS, Scene

pytestmark = pytest.mark.server

SEED = os.environ.get("MILLRACE_CHAOS_SEED")
WITHIN_S = float(os.environ.get("MILLRACE_CHAOS_WITHIN") or 60.0)
"""How soon decisions must be made again after a fault, in seconds: a bound for machines that nobody else uses, otherwise patience."""
EACH, CAMPAIGNS = 20, 26
"""How many faults a server meets, and how many servers there are, when all are run."""
DISK_MB = 64


@dataclass(frozen=True)
class Ground:
    """What a campaign stands on.

    Attributes:
        folder: An empty one.
        disk: A small disk in it, where one may be mounted.
        redis: A server of its own, where there is one.
    """

    folder: Path
    disk: Disk | None
    redis: PrivateRedis | None


@pytest.fixture
def ground() -> Iterator[Ground]:
    made = Path(tempfile.mkdtemp())
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, made, ignore_errors=True)
        disk, redis = None, None
        with suppress(pytest.skip.Exception):
            disk = stack.enter_context(small_disk(made / "disk", DISK_MB))
        with suppress(pytest.skip.Exception):
            redis = PrivateRedis(made)
            stack.callback(redis.kill)
        yield Ground(made, disk, redis)


@pytest.mark.skipif(bool(SEED), reason="one campaign is asked for")
@pytest.mark.parametrize("seed", [1000, 1001, 1002])
def test_some_faults(ground, seed):
    campaign(ground, seed, 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [int(SEED)] if SEED else range(CAMPAIGNS))
def test_campaign_of_a_seed(ground, seed):
    campaign(ground, seed, EACH)


def test_promise_that_is_not_kept_is_found(tmp_path):
    home, buy = tmp_path / "home", {"id": "b", "visitor": "ada", "good": "good-1", "cents": 3}
    with running(home, now=wall, of=load(SHELF)) as engine:
        engine.ingest([engine.loaded.streams["Buy"](**{**buy, "at": moment(wall())})])
    kept(home, Promised(events={"b": buy}), "as it was said")
    with pytest.raises(AssertionError, match="b is"):
        kept(home, Promised(events={"b": {**buy, "cents": 4}}), "other content")
    with pytest.raises(AssertionError, match="is not in the log"):
        kept(home, Promised(decisions={"look": {"items": []}}), "no decision")


def campaign(ground: Ground, seed: int, length: int) -> None:
    """Let a server meet faults, one after the other, under load; check each, and in the end all that was promised."""
    chance = np.random.default_rng(seed)
    disk, redis = ground.disk, ground.redis if seed % 3 == 2 else None
    options = (("--workers", "2"), (), ("--online", redis.url) if redis is not None else ())[seed % 3]
    home = (disk.folder if disk is not None else ground.folder) / "home"
    server = Besieged(ground.folder, home, *options)
    scene = Scene(server, disk, redis, chance)
    there = {"", "workers" if server.has_workers else "", "disk" if disk is not None else "", "redis" if redis is not None else ""}
    kinds = [name for name, one in FAULTS.items() if one.needs in there]
    took: list[tuple[str, float]] = []
    try:
        server.start()
        stock(server)
        callers = Callers(server)
        try:
            for name in chance.permutation(kinds * (length // len(kinds) + 1))[:length].tolist():
                took.append((name, meet(scene, callers, name)))
                assert not callers.promised.wrong, f"{name} of seed {seed}: {callers.promised.wrong[:5]} {what_it_said(server)}"
        finally:
            callers.end()
        callers.settle()
        assert server.end() == 0, what_it_said(server)
    finally:
        server.close()
    kept(home, callers.promised, f"seed {seed}: {took}")
    report(seed, took, callers.promised)
    late = [(name, seconds) for name, seconds in took if seconds > WITHIN_S]
    assert not late, f"seed {seed}: decided again later than {WITHIN_S} s: {late}"


def stock(server: Besieged) -> None:
    """Put goods on the shelf, so that every decision has something to show."""
    end = time.monotonic() + 60
    while True:
        connection = server.connect()
        try:
            connection.request("POST", "/v1/events", json.dumps(GOODS))
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        assert time.monotonic() < end, what_it_said(server)
        time.sleep(0.05)


def what_it_said(server: Besieged) -> str:
    """Return what the server logged that is not about one decision."""
    return "\n".join([line for line in server.said.splitlines() if "millrace.decisions" not in line][-40:])


def meet(scene: Scene, callers: Callers, name: str) -> float:
    """Begin a fault, hold it, mend it; return after how many seconds decisions were made again, a start included."""
    fault = FAULTS[name]
    time.sleep(scene.chance.uniform(0, 0.2))
    callers.may_break = fault.breaks
    with fault.begin(scene):
        if fault.is_total:
            assert readiness(scene.of) != 200, f"{name}: ready, and nobody can answer"
        scene.hold()
        mended = time.monotonic()
    until_answered(scene.of, callers, max(60.0, WITHIN_S))
    took = time.monotonic() - mended
    if fault.breaks:
        time.sleep(0.1)  # callers notice that their connection is gone when they next use it
    callers.may_break = False
    return took


def kept(home: Path, promised: Promised, case: str) -> None:
    """Check that all that was promised is in the log once, as it was said, and that the log proves its decisions."""
    loaded = load(SHELF)
    with Log.open(home / "log", loaded.streams.values(), read_only=True) as log:
        buys = log.read(loaded.streams["Buy"])
        decided = [one.id for _, one in log.decisions()]
        for names in (buys["id"].tolist(), log.read(loaded.streams["Look"])["id"].tolist(), decided):
            twice = [name for name, times in Counter(names).items() if times > 1]
            assert not twice, f"{case}: logged twice: {twice[:5]}"
        logged = dict(zip(buys["id"].tolist(), zip(buys["visitor"], buys["good"], buys["cents"], strict=True), strict=True))
        for name, body in promised.events.items():
            assert logged.get(name) == (body["visitor"], body["good"], body["cents"]), f"{case}: {name} is {logged.get(name)}"
        for name, said in promised.decisions.items():
            found = log.decision(name)
            assert isinstance(found, Decision), f"{case}: {name} was answered and is not in the log"
            shown = list(found.candidate[: found.taken])
            assert shown == [one["candidate"] for one in said["items"]], f"{case}: {name} is {shown}"
    status, out, err = answer(home.parent, "verify", SHELF, "--home", str(home))
    assert status == 0, f"{case}: {out}{err}"


def report(seed: int, took: list[tuple[str, float]], promised: Promised) -> None:
    """Say how it went."""
    name, longest = max(took, key=lambda one: one[1])
    print(
        f"seed {seed}: {len(took)} faults, {len(promised.events)} events and {len(promised.decisions)} decisions kept,"
        f" {promised.refused} refused, {promised.broken} broken off; decided again within {longest:.2f} s ({name})"
    )
