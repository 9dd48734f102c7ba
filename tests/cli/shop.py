"""A shop's folder, as `millrace new` leaves it, with three weeks of invented history, and the command line called as a user would."""

import csv
import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from millrace.cli.main import main
from millrace.cli.scaffold import scaffold
from millrace.loading import load
from millrace.operate.simulation import SimulatedTime
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import MINUTE, instant, moment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
"""When the invented history ends."""
KINDS = ("mugs", "lamps", "chairs")
VISITS = 1500


class Said(NamedTuple):
    """What a command came to: its exit status, what it printed, and what it complained of."""

    status: int
    out: str
    err: str


class Shop:
    """A folder with a module and the command line working in it."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def millrace(self, *arguments: str) -> Said:
        """Run a command in the folder."""
        self._monkeypatch.chdir(self.folder)
        self._monkeypatch.setattr(sys, "argv", ["millrace", *arguments])
        self._monkeypatch.setenv("COLUMNS", "160")
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = self._capsys.readouterr()
        return Said(status, printed.out, printed.err)

    def write(self, name: str, header: list[str], rows: list[tuple]) -> None:
        """Write a CSV file into the folder."""
        with (self.folder / name).open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def bring_history(self) -> None:
        """Write three weeks of history and import it."""
        self.invent()
        for stream, file, *options in (
            ("User", "users.csv", "--field", "at=since"),
            ("Item", "items.csv", "--field", "at=added_at"),
            ("Visit", "visits.csv", "--decided", "item"),
            ("Click", "clicks.csv"),
        ):
            said = self.millrace("import", "shop.py", stream, file, *options)
            assert said.status == 0, said.err

    def invent(self) -> None:
        """Write users, items, visits and clicks; a user clicks what is of the kind they like."""
        chance = random.Random(7)
        users = [(f"user-{n}", NOW - timedelta(days=40), "nl", chance.choice(KINDS)) for n in range(40)]
        items = [(f"item-{n}", KINDS[n % 3], NOW - timedelta(days=35), chance.random()) for n in range(20)]
        visits, clicks = [], []
        for n in range(VISITS):
            at = NOW - timedelta(minutes=20 * (VISITS - n))
            user, item = chance.choice(users), chance.choice(items)
            visits.append((f"past-{n}", at, user[0], item[0]))
            if chance.random() < 0.05 + 0.6 * item[3] * (user[3] == item[1]):
                clicks.append((at + timedelta(minutes=1), user[0], item[0]))
        self.write("users.csv", ["id", "since", "country"], [user[:3] for user in users])
        self.write("items.csv", ["id", "category", "added_at"], [item[:3] for item in items])
        self.write("visits.csv", ["id", "at", "user", "item"], visits)
        self.write("clicks.csv", ["at", "user", "item"], clicks)


def opened(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shop:
    """Return a shop in a folder, its module written."""
    scaffold("shop", "rank", folder)
    return Shop(folder, monkeypatch, capsys)


def live(shop: Shop, visits: int = 240) -> list[str]:
    """Let the shop, trained, answer visits for a day after its history, with clicks by the hidden liking; return the ids decided."""
    loaded = load(str(shop.folder / "shop.py"))
    home = Home(shop.folder / ".millrace", loaded)
    time = SimulatedTime(instant(NOW))
    engine = Engine(loaded, home, now=time, patient=True)
    chance, ids = random.Random(11), []
    for n in range(visits):
        time.now += 6 * MINUTE
        visit = loaded.streams["Visit"](id=f"visit-{n}", at=moment(time.now), user=f"user-{n % 40}")
        [decision] = engine.decide([visit])
        ids.append(decision.id)
        seen = decision.candidate[: decision.taken]
        clicked = [item for place, item in enumerate(seen) if chance.random() < (0.5 if place < 2 else 0.1)]
        engine.ingest([loaded.streams["Click"](at=moment(time.now), user=visit.user, item=item) for item in clicked])
    engine.close()
    home.close()
    return ids
