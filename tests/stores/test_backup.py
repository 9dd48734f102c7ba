"""A backup is whole or it is none, and what is restored from it is the folder as it was at one instant."""

import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from millrace.errors import BadInput, Conflict, MillraceError, NotFound, Unavailable
from millrace.log.log import Log
from millrace.stores.backed import MANIFEST, latest, read
from millrace.stores.backup import back_up
from millrace.stores.database import open_database
from millrace.stores.restore import restore
from millrace.types import DAY
from tests.log.disks import small_disk
from tests.log.world import NOON, STREAMS, Watch, history, ids, same, watch, watches


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a log in the lake and in the inbox, a version, a snapshot, a database, and what is not to be copied."""
    home = tmp_path / "home"
    with Log.open(home / "log", STREAMS) as log:
        log.append(watches(30), NOON + DAY)
        log.compact()
        log.append([watch("in the inbox")], NOON + 2 * DAY)
    open_database(home).close()
    files = {
        "versions/ranker/v1/model.txt": "trees",
        "snapshots/feed/00000001-ab.npz": "a view",
        "snapshots/feed/staging/tmp1/snapshot.npz": "half a view",
        "log/rejected/Watch-1.jsonl": "{}",
        "tombstones.jsonl": "one\n",
        "log.key": "secret",
    }
    for name, text in files.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(text)
    keys = sqlite3.connect(home / "log.keys")
    keys.execute("CREATE TABLE keys (name BLOB)")
    keys.commit()
    keys.close()
    return home


def watched(home: Path) -> dict:
    with Log.open(home / "log", STREAMS, read_only=True) as log:
        return log.read(Watch)


def test_what_is_restored_is_what_was_backed_up(tmp_path, home):
    told = []
    made = back_up(home, tmp_path / "backups", "feed", NOON, lambda *said: told.append(said))
    assert (made.backup.position, made.backup.known) == (31, NOON + 2 * DAY)
    assert told[-1][1] == told[-1][2]
    done = restore(tmp_path / "backups", tmp_path / "again", lambda *said: told.append(said))
    assert done.backup == made.backup
    assert (done.forgotten, done.needs_key) == (0, True)
    assert same(watched(home), watched(tmp_path / "again"))
    for name in ("versions/ranker/v1/model.txt", "snapshots/feed/00000001-ab.npz", "log/rejected/Watch-1.jsonl", "tombstones.jsonl"):
        assert (tmp_path / "again" / name).read_bytes() == (home / name).read_bytes()
    assert (tmp_path / "again" / "log.keys").exists()
    open_database(tmp_path / "again").close()
    with Log.open(tmp_path / "again" / "log", STREAMS) as log:
        assert log.append([watch("next")], NOON + 3 * DAY).positions.tolist() == [32]
        assert log.append([watch("in the inbox")], NOON + 4 * DAY).duplicates.tolist() == [True]


def test_master_key_and_what_was_being_written_are_in_no_backup(tmp_path, home):
    back_up(home, tmp_path / "backups", "feed", NOON)
    names = {path.name for path in (tmp_path / "backups").rglob("*")}
    assert not names & {"log.key", "staging", "writer.lock", "acknowledged", "inbox.sqlite-wal"}


def test_unchanged_files_are_links_to_the_backup_before(tmp_path, home):
    to = tmp_path / "backups"
    first = back_up(home, to, "feed", NOON)
    with Log.open(home / "log", STREAMS) as log:
        log.append([watch("new")], NOON + 3 * DAY)
        log.compact(fan_in=100)
    second = back_up(home, to, "feed", NOON + DAY)
    assert (first.linked, second.linked > 0) == (0, True)
    (part,) = [name for name in first.backup.files if name.endswith(".parquet")]
    assert (first.folder / part).stat().st_ino == (second.folder / part).stat().st_ino
    shutil.rmtree(first.folder)
    restore(to, tmp_path / "again")
    assert ids(watched(tmp_path / "again"))[-1] == "new"


def test_backup_before_the_last_can_be_chosen_and_says_who_was_forgotten_since(tmp_path, home):
    to = tmp_path / "backups"
    first = back_up(home, to, "feed", NOON)
    with (home / "tombstones.jsonl").open("a") as file:
        file.write("two\nthree\n")
    back_up(home, to, "feed", NOON + DAY)
    assert restore(first.folder, tmp_path / "then").forgotten == 2
    assert restore(to, tmp_path / "now").forgotten == 0


def test_folder_that_holds_anything_is_left_alone(tmp_path, home):
    back_up(home, tmp_path / "backups", "feed", NOON)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("keep")
    with pytest.raises(Conflict, match="is not empty, and a backup replaces nothing"):
        restore(tmp_path / "backups", tmp_path / "full")
    (tmp_path / "empty").mkdir()
    restore(tmp_path / "backups", tmp_path / "empty")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine"]


def test_any_damage_is_found_and_nothing_is_restored(tmp_path, home):
    made = back_up(home, tmp_path / "backups", "feed", NOON)
    for name in sorted(made.backup.files):
        whole = (made.folder / name).read_bytes()
        for damaged in (whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
            (made.folder / name).write_bytes(damaged)
            with pytest.raises(BadInput, match="was changed since the backup was made"):
                restore(made.folder, tmp_path / "again")
        (made.folder / name).unlink()
        with pytest.raises(NotFound, match="is missing from the backup"):
            restore(made.folder, tmp_path / "again")
        (made.folder / name).write_bytes(whole)
    assert [path.name for path in tmp_path.iterdir() if "again" in path.name] == []


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_torn_or_changed_manifest_is_no_backup(tmp_path, home, share):
    made = back_up(home, tmp_path / "backups", "feed", NOON)
    text = (made.folder / MANIFEST).read_bytes()
    (made.folder / MANIFEST).write_bytes(text[: int(len(text) * share)])
    with pytest.raises(BadInput, match=r"backup\.json is damaged"):
        read(made.folder)
    (made.folder / MANIFEST).write_bytes(text.replace(b'"position": 31', b'"position": 30'))
    with pytest.raises(BadInput, match="was changed since it was written"):
        read(made.folder)


class Interrupted(BaseException):
    """As if the process were killed."""


def test_backup_interrupted_anywhere_is_no_backup_and_the_next_one_is_whole(tmp_path, home):
    to = tmp_path / "backups"
    to.mkdir()
    with pytest.raises(NotFound, match="holds no finished backup"):
        restore(to, tmp_path / "again")
    steps: list[str] = []
    back_up(home, tmp_path / "counted", "feed", NOON, lambda name, *_: steps.append(name))
    for stop in range(1, len(steps) + 1):
        calls = iter(range(1, stop + 1))

        def tell(*_, calls=calls, stop=stop):
            if next(calls) == stop:
                raise Interrupted

        with pytest.raises(Interrupted):
            back_up(home, to, "feed", NOON, tell)
        assert latest(to) is None
    made = back_up(home, to, "feed", NOON)
    assert latest(to) == made.folder
    assert list((to / "unfinished").glob("tmp*")) == []
    restore(to, tmp_path / "again")


def test_backup_of_a_log_that_is_written_and_compacted_is_the_log_of_one_instant(tmp_path, home):
    is_done, failed = threading.Event(), []

    def write() -> None:
        with Log.open(home / "log", STREAMS) as log:
            known = NOON + 3 * DAY
            for number in range(10_000):
                known += 1000
                log.append([watch(f"live {number} {n}") for n in range(5)], known)
                if number % 5 == 0:
                    log.load(Watch, history(4, first=4 * number))
                    log.compact(slice_rows=7, fan_in=2)
                if is_done.is_set():
                    return

    def guarded() -> None:
        try:
            write()
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=guarded)
    writer.start()
    made = [back_up(home, tmp_path / "backups", "feed", NOON + n) for n in range(6)]
    is_done.set()
    writer.join()
    assert failed == []
    whole = watched(home)
    for number, one in enumerate(made):
        restore(one.folder, tmp_path / f"again {number}")
        rows = watched(tmp_path / f"again {number}")
        assert same(rows, {name: column[whole["position"] <= one.backup.position] for name, column in whole.items()})
        live = [id_ for id_ in ids(rows) if id_.startswith("live")]
        assert len(live) % 5 == 0  # of each commit all or nothing


def test_backup_of_a_damaged_log_is_refused_with_the_file(tmp_path, home):
    (part,) = (home / "log" / "lake").rglob("*.parquet")
    part.unlink()
    with pytest.raises(MillraceError, match=f"{part.name} is lost: restore this file from an earlier backup"):
        back_up(home, tmp_path / "backups", "feed", NOON)
    assert latest(tmp_path / "backups") is None


@pytest.mark.parametrize(
    ("place", "said"), [("home/backups", "which would then hold its own copies"), ("others", "holds backups of other")]
)
def test_place_that_does_not_fit_is_refused(tmp_path, home, place, said):
    back_up(home, tmp_path / "others", "other", NOON)
    with pytest.raises(Conflict, match=said):
        back_up(home, tmp_path / place, "feed", NOON)


def test_folder_without_a_log_is_said(tmp_path):
    with pytest.raises(NotFound, match="there is no log in"):
        back_up(tmp_path, tmp_path / "backups", "feed", NOON)


def test_full_disk_leaves_the_backups_before_as_they_were(tmp_path, home):
    with small_disk(tmp_path / "disk") as disk:
        first = back_up(home, disk.folder / "backups", "feed", NOON)
        with Log.open(home / "log", STREAMS) as log:
            log.append([watch(f"more {n}", note="x" * 1000) for n in range(50)], NOON + 3 * DAY)
        with disk.full(room=10_000), pytest.raises(Unavailable, match="make room"):
            back_up(home, disk.folder / "backups", "feed", NOON + DAY)
        assert latest(disk.folder / "backups") == first.folder
        with disk.full(room=10_000), pytest.raises(Unavailable, match="nothing was restored"):
            restore(first.folder, disk.folder / "again")
        assert not (disk.folder / "again").exists()
        second = back_up(home, disk.folder / "backups", "feed", NOON + DAY)
        assert second.backup.position == 81


def test_newest_keys_lie_beside_all_backups(tmp_path, home):
    first = back_up(home, tmp_path / "backups", "feed", NOON)
    keys = sqlite3.connect(home / "log.keys")
    keys.execute("CREATE TABLE later (name BLOB)")
    keys.commit()
    keys.close()
    back_up(home, tmp_path / "backups", "feed", NOON + DAY)
    restore(first.folder, tmp_path / "again")
    keys = sqlite3.connect(tmp_path / "again" / "log.keys")
    assert len(keys.execute("SELECT name FROM sqlite_master").fetchall()) == 2
    keys.close()
