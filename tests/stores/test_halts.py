"""The kill switch: on disk before anybody is told, whole whatever happens, and in the audit once."""

import subprocess
import sys
from pathlib import Path

import pytest

from millrace.errors import BadInput, Conflict, MillraceError, Unavailable
from millrace.stores.audit import Audit, Change
from millrace.stores.database import Database
from millrace.stores.halts import CHAMPION, FALLBACK, Halts
from tests.log.disks import small_disk

ADA = Change(100, "ada", "it sells nothing")


def test_system_is_halted_until_somebody_resumes(home: Path):
    halts = Halts(home)
    assert halts.now("feed") is None
    begun = halts.begin("feed", CHAMPION, "r1", ADA)
    assert Halts(home).now("feed") == begun, "another process reads it"
    assert halts.now("fraud") is None, "only the one that was named"
    halts.begin("feed", FALLBACK, "r1", Change(200, "bob", "the champion is ill too"))
    assert halts.now("feed").to == FALLBACK
    halts.end("feed", Change(300, "bob", "mended"))
    assert halts.now("feed") is None
    assert [(one.at, one.who, one.to) for one in halts.all("feed")] == [(100, "ada", CHAMPION), (200, "bob", FALLBACK), (300, "bob", "")]
    with pytest.raises(Conflict, match="feed is not halted: there is nothing to resume"):
        halts.end("feed", ADA)


@pytest.mark.parametrize(("to", "change", "said"), [("nobody", ADA, "not to 'nobody'"), (CHAMPION, Change(1, "ada", " "), "must say why")])
def test_halt_that_says_too_little_is_refused(home: Path, to, change, said):
    with pytest.raises(BadInput, match=said):
        Halts(home).begin("feed", to, "", change)
    assert Halts(home).all() == []


def test_halt_on_a_full_disk_says_what_to_do_and_leaves_what_was(tmp_path: Path):
    with small_disk(tmp_path / "disk") as disk:
        halts = Halts(disk.folder)
        before = halts.begin("feed", CHAMPION, "r1", ADA)
        with (
            disk.full(),
            pytest.raises(Unavailable, match=r"halts\.jsonl cannot be written \(No space left .* nothing has changed: make room"),
        ):
            halts.end("feed", ADA)
        with disk.read_only(), pytest.raises(Unavailable, match=r"\(Read-only file system\), so nothing has changed"):
            halts.end("feed", ADA)
        assert halts.now("feed") == before
        halts.end("feed", ADA)
        assert halts.now("feed") is None


def test_audit_holds_each_once_however_often_it_is_settled(home: Path, database: Database):
    halts = Halts(home)
    halts.begin("feed", CHAMPION, "r1", ADA)
    halts.end("feed", Change(200, "bob", "mended"))
    assert [halts.settle(database), halts.settle(database)] == [2, 0]
    halts.begin("feed", FALLBACK, "r1", Change(300, "bob", "again"))
    assert halts.settle(database) == 1
    entries = [(one.at, one.who, one.what, one.why, one.after) for one in Audit(database).entries("feed")]
    assert entries == [
        (100, "ada", "halt", "it sells nothing", {"to": "champion", "release": "r1"}),
        (200, "bob", "resume", "mended", None),
        (300, "bob", "halt", "again", {"to": "fallback", "release": "r1"}),
    ]


def test_damaged_file_is_said(home: Path):
    Halts(home).begin("feed", CHAMPION, "", ADA)
    (home / "halts.jsonl").write_text('{"system": ')
    with pytest.raises(MillraceError, match="is damaged"):
        Halts(home).now("feed")


RACER = """
import sys
from pathlib import Path
from millrace.stores.audit import Change
from millrace.stores.database import open_database
from millrace.stores.halts import Halts
folder, name = Path(sys.argv[1]), sys.argv[2]
for turn in range(20):
    Halts(folder).begin("feed", "champion", "r1", Change(turn, name, "to race"))
with open_database(folder) as database:
    Halts(folder).settle(database)
"""


def test_processes_that_halt_at_once_lose_nothing_and_the_audit_holds_each_once(home: Path, database: Database, pytestconfig):
    command = [sys.executable, "-c", RACER, str(home)]
    racers = [subprocess.Popen([*command, name], cwd=pytestconfig.rootpath) for name in ("ada", "bob")]
    assert [one.wait(120) for one in racers] == [0, 0]
    found = Halts(home).all()
    assert sorted((one.who, one.at) for one in found) == [(name, turn) for name in ("ada", "bob") for turn in range(20)]
    assert Halts(home).settle(database) == 0
    assert len(Audit(database).entries("feed")) == 40
