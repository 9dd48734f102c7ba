"""After somebody is forgotten the log, the view and every file are as if the person had never been there."""

import shutil
import sqlite3
import tempfile
from pathlib import Path

import msgspec
import numpy as np
import pytest

from millrace.decision import FORGOTTEN, Decision
from millrace.errors import Conflict, MillraceError
from millrace.log import forget
from millrace.log.keys import key_file, keys_file
from millrace.log.log import Log
from millrace.log.rejected import Rejected
from millrace.log.traces import Who
from millrace.schema import Entity, Event, Ref, Request, Shown
from tests.log.forgetting import PEOPLE, STREAMS, Ask, Film, Gift, Life, Person, Seen, contents, end_of, looked_up, viewed
from tests.log.test_private import holding
from tests.log.world import NOON, decision, moment


@pytest.fixture
def tmp_path():
    """A folder in memory where there is one: nothing here is about the disk, and every commit would wait for it."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as made:
        yield Path(made)


def forgotten(log, who, at=NOON):
    """Forget somebody, as far as the log goes; return what was taken out."""
    intent = forget.remove(log.store, forget.pending(log.store.folder) or forget.begin(log.store, who, at))
    forget.clear(log.store, intent)
    forget.end(log.store)
    return intent.rounds[-1]


@pytest.mark.parametrize("seeds", [range(8), pytest.param(range(8, 200), marks=pytest.mark.slow)])
def test_the_log_and_the_view_are_as_if_the_person_had_never_been(tmp_path, seeds):
    for seed in seeds:
        life, person = Life.random(seed), PEOPLE[seed % len(PEOPLE)]
        with Log.open(tmp_path / f"{seed}" / "log", STREAMS) as log, Log.open(tmp_path / f"{seed}-without" / "log", STREAMS) as other:
            life.write(log, seed)
            life.without(person).write(other, seed + 1)
            position, known = log.position, log.last_known
            before = sum(log.counts().values())
            round_ = forgotten(log, Who("Person", person))
            assert contents(log) == contents(other), seed
            assert sum(round_.removed.values()) == before - sum(log.counts().values())
            assert (log.position, log.last_known) == (position, known), "nothing gets a position again"
            found, expected = (looked_up(viewed(one), end_of(life)) for one in (log, other))
            for column, values in expected.items():
                np.testing.assert_array_equal(found[column], values, err_msg=f"{seed} {column}")
        assert not holding(tmp_path / f"{seed}", person), seed


@pytest.mark.parametrize("seed", range(4))
def test_a_replay_from_a_position_before_gives_what_a_rebuilt_view_gives(tmp_path, seed):
    life, person = Life.random(seed, 80), PEOPLE[0]
    half = len(life.items) // 2
    with Log.open(tmp_path / "log", STREAMS) as log:
        Life(life.items[:half]).write(log, seed)
        forgotten(log, Who("Person", person))
        view = viewed(log)
        Life(life.items[half:]).without(person).write(log, seed)
        for batch in log.replay(after_position=view.position, streams=view.plan.streams):
            view.apply(batch)
        for column, values in looked_up(viewed(log), end_of(life)).items():
            np.testing.assert_array_equal(looked_up(view, end_of(life))[column], values)


def seen(id, person="person-1", film="film-1", known=NOON):
    return Seen(id=id, at=moment(known), person=person, film=film, seconds=1.0)


@pytest.fixture
def log(tmp_path):
    with Log.open(tmp_path / "log", STREAMS) as log:
        yield log


WHO = Who("Person", "person-1")


def test_forgetting_again_changes_nothing_and_says_nothing_was_there(log):
    log.append([seen("a"), seen("b", "person-2")], NOON)
    assert forgotten(log, WHO).removed == {"Seen": 1}
    files = {path: path.read_bytes() for path in log.store.lake.rglob("*.parquet")}
    assert forgotten(log, WHO).removed == {}
    assert {path: path.read_bytes() for path in log.store.lake.rglob("*.parquet")} == files


def test_what_comes_afterwards_is_new_even_with_an_id_of_before(log):
    log.append([seen("a")], NOON)
    forgotten(log, WHO)
    receipt = log.append([seen("a")], NOON + 1)
    assert not receipt.duplicates.any()
    assert receipt.positions.tolist() == [2]


def test_the_last_records_of_a_log_may_go_and_it_opens_again(tmp_path):
    with Log.open(tmp_path / "log", STREAMS) as log:
        log.append([seen("a")], NOON)
        log.compact()
        forgotten(log, WHO)
        assert (log.position, log.last_known, log.counts()) == (1, NOON, {})
    with Log.open(tmp_path / "log", STREAMS) as log:
        assert log.append([seen("b", "person-2")], NOON + 1).positions.tolist() == [2]


def test_looking_changes_nothing_and_a_reader_may_do_it(log):
    log.append([seen("a"), Person(id="person-1", email="x@y")], NOON)
    log.compact(slice_rows=1)
    with Log.open(log.store.folder, STREAMS, read_only=True) as reader:
        assert forget.look(reader.store, WHO).counts == {"Person": 1, "Seen": 1}
        with pytest.raises(MillraceError, match="read_only=True: open it for writing"):
            forget.begin(reader.store, WHO, NOON)
    assert log.counts() == {"Person": 1, "Seen": 1}
    assert forget.pending(log.store.folder) is None


def test_another_process_that_writes_is_refused_while_this_one_holds_the_log(log):
    with pytest.raises(Conflict, match="is being written to by another process"):
        Log.open(log.store.folder, STREAMS)


def test_decisions_of_others_lose_the_name_and_what_was_known_of_it_and_nothing_else(log):
    made = Decision(
        id="r",
        at=NOON,
        system="films",
        watermark=NOON,
        taken=2,
        candidate=["film-1", "film-2", "film-3"],
        score=[3.0, 2.0, 1.0],
        propensity=[0.5, 0.5, 0.0],
        shadow=["film-2"],
        features={"kind": ["a", "b"]},
        heads={"seen": [0.1, 0.2]},
    )
    asked = [Ask(id="r", at=moment(NOON), person="person-2"), Ask(id="s", at=moment(NOON), person="person-2")]
    whole = [*asked, made, decision("s", "film-2", "film-22")]
    log.append(whole[:1] + whole[2:3], NOON)
    log.compact()
    log.append(whole[1:2] + whole[3:], NOON + 10)
    assert forgotten(log, Who("Film", "film-2", is_candidate=True)).named == 2
    assert log.decision("r") == msgspec.structs.replace(
        made,
        candidate=["film-1", FORGOTTEN, "film-3"],
        shadow=[FORGOTTEN],
        features={"kind": ["a", None]},
        heads={"seen": [0.1, None]},
    )
    assert log.decision("s").candidate == [FORGOTTEN, "film-22"]
    shown = log.read(Shown[Ask, Film])
    assert (shown["candidate"].tolist(), shown["rank"].tolist()) == (["film-1", "film-22"], [0, 1])
    assert not holding(log.store.folder, '"film-2"')


def test_a_name_that_begins_with_another_is_another(log):
    log.append([seen("a", "person-1"), seen("b", "person-11"), Person(id="person-11", city="person-1")], NOON)
    forgotten(log, WHO)
    assert log.read(Seen)["person"].tolist() == ["person-11"]
    assert log.counts() == {"Person": 1, "Seen": 1}


def test_records_of_classes_and_fields_that_are_no_longer_declared_go_too(tmp_path):
    class Old(Event):
        who: str
        what: str = ""

    with Log.open(tmp_path / "log", [Old, Film]) as log:
        log.append([Old(id="a", at=moment(NOON), who="person-1"), Old(id="b", at=moment(NOON), who="person-2", what="about")], NOON)
        log.compact()
        log.append([Old(id="c", at=moment(NOON), who="person-1"), Old(id="d", at=moment(NOON), who="person-2")], NOON + 10)
    with Log.open(tmp_path / "log", [Film, Person]) as log:
        assert forgotten(log, WHO).removed == {"Old": 2}
    with Log.open(tmp_path / "log", [Old, Film]) as log:
        assert log.read(Old)["id"].tolist() == ["b", "d"]
    assert not holding(tmp_path, "person-1")


def test_pages_freed_long_before_are_cleared_where_the_library_leaves_what_it_deletes(log):
    log.store._writer.execute("PRAGMA secure_delete = OFF")
    log.append([seen(f"a{n}", "person-1" if n % 7 == 0 else "person-2") for n in range(300)], NOON)
    log.compact()
    log.append([seen("b")], NOON + 1000)
    forgotten(log, WHO)
    assert not holding(log.store.folder, "person-1")


def test_rows_set_aside_by_imports_go_where_they_name_the_person(log):
    aside = Rejected(log.store.folder, "Seen", None)
    for number, values in enumerate(({"p": "person-1"}, {"p": "person-2"}, "torn, person-1, line", ["x", "person-1"], {"p": "person-12"})):
        aside.add(number, "wrong", values)
    aside.close()
    aside.path.with_suffix(".jsonl-unfinished").write_bytes(b"person-1")  # left by a forgetting that was killed
    with aside.path.open("ab") as file:
        file.write(b'{"row":6,"values":"person-1, cut o')  # by a crash
    forgotten(log, WHO)
    left = [msgspec.json.decode(line)["row"] for line in aside.path.read_bytes().splitlines()]
    assert left == [1, 4]


def test_keys_of_the_person_are_destroyed_and_those_of_others_are_not(log):
    gift = Gift(id="g", at=moment(NOON), giver="person-2", taker="person-3", words="hello")
    log.append([Person(id="person-1", email="a@b"), Person(id="person-2", email="c@d"), gift], NOON)

    def kept():
        with sqlite3.connect(keys_file(log.store.folder)) as db:
            return db.execute("SELECT count(*) FROM keys").fetchone()[0]

    assert kept() == 3
    forgotten(log, WHO)
    assert kept() == 2
    assert log.find(Person, "person-2").email == "c@d"
    assert log.find(Gift, "g").words == "hello"


def test_a_copy_of_the_log_from_before_cannot_open_what_the_person_wrote(log, tmp_path):
    log.append([Person(id="person-1", email="a@b"), Person(id="person-2", email="c@d")], NOON)
    log.close()
    shutil.copytree(tmp_path / "log", tmp_path / "backup")
    with Log.open(tmp_path / "log", STREAMS) as again:
        forgotten(again, WHO)
    shutil.rmtree(tmp_path / "log")
    shutil.move(tmp_path / "backup", tmp_path / "log")
    with Log.open(tmp_path / "log", STREAMS) as restored:
        assert restored.read(Person, ["email"])["email"].tolist() == [FORGOTTEN, "c@d"]


def test_a_lost_key_is_said_before_anything_is_removed(log):
    log.append([Person(id="person-1", email="a@b")], NOON)
    folder = log.store.folder
    log.close()
    key_file(folder).unlink()
    with Log.open(folder, STREAMS) as again:
        with pytest.raises(MillraceError, match=r"log\.key is lost"):
            forget.begin(again.store, WHO, NOON)
        assert again.counts() == {"Person": 1}


def test_a_reader_that_stays_is_waited_for_and_then_said(log, monkeypatch):
    log.append([seen("a")], NOON)
    log.store._writer.execute("PRAGMA busy_timeout = 50")
    with Log.open(log.store.folder, STREAMS, read_only=True) as reader, reader.store.view() as db:
        db.execute("SELECT count(*) FROM inbox").fetchone()
        with pytest.raises(MillraceError, match="cannot be cleared while somebody reads"):
            forgotten(log, WHO)
    assert forget.pending(log.store.folder) is not None
    assert forgotten(log, WHO).removed == {}
    assert not holding(log.store.folder.parent, "person-1")


def test_who_is_referred_to_by_a_request_of_another_system_is_found_in_its_streams(tmp_path):
    class Shop(Entity):
        name: str = ""

    class Visit(Request):
        buyer: Ref[Person] | None = None
        shop: Ref[Shop] | None = None

    class Bill(Event):
        visit: Ref[Visit]

    class Payment(Event):
        bill: Ref[Bill]

    with Log.open(tmp_path / "log", [Person, Shop, Visit, Bill, Payment]) as log:
        log.append(
            [
                Visit(id="v1", at=moment(NOON), buyer="person-1", shop="s"),
                Visit(id="v2", at=moment(NOON), buyer="person-2", shop="s"),
                Bill(id="b1", at=moment(NOON), visit="v1"),
                Bill(id="b2", at=moment(NOON), visit="v2"),
                Payment(id="p1", at=moment(NOON), bill="b1"),
                Payment(id="p2", at=moment(NOON), bill="b2"),
                decision("v1", "s"),
                decision("v2", "s"),
            ],
            NOON,
        )
        assert forgotten(log, WHO).removed == {"Bill": 1, "Payment": 1, "Visit": 1, "decision": 1}
        assert log.read(Payment)["id"].tolist() == ["p2"]
        assert log.decision("v2") is not None
