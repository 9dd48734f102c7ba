"""Private fields: in clear in memory for who asks, in no byte of the folder; lost, wrong and missing keys say so."""

import os
import stat

import numpy as np
import pytest

from millrace.decision import FORGOTTEN
from millrace.errors import BadInput, DeclarationError, MillraceError
from millrace.features.declare import feature
from millrace.log.importing import import_file
from millrace.log.keys import key_file, keys_file
from millrace.log.log import Log
from millrace.log.private import owner
from millrace.schema import Entity, Event, Private, Ref, Request, Shown, field_names
from tests.log.world import NOON, decision, moment

SECRET = "ann@nowhere.example"


class Person(Entity):
    country: str = ""
    email: Private[str] | None = None


class Thing(Entity):
    colour: str = ""


class Note(Event):
    by: Ref[Person] | None = None
    about: Ref[Thing] | None = None
    text: Private[str]


class Ask(Request):
    person: Ref[Person]
    words: Private[str] = ""


STREAMS = [Person, Thing, Note, Ask]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.delenv("MILLRACE_KEY_FILE", raising=False)
    return tmp_path / "log"


def opened(folder, **more):
    return Log.open(folder, STREAMS, **more)


def note(id, text=SECRET, by="ann", about="cup"):
    return Note(id=id, at=moment(NOON), by=by, about=about, text=text)


def filled(folder):
    log = opened(folder)
    log.append([Person(id="ann", country="nl", email=SECRET), Person(id="bob"), note("n1"), note("n2", by=None, about=None)], NOON)
    return log


def holding(folder, text):
    """Return the files below a folder that hold a text, plain or in Parquet."""
    import pyarrow.parquet as pq

    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".parquet":
                content += repr(pq.read_table(path).to_pylist()).encode()
            if text.encode() in content:
                found.append(path)
    return found


def test_private_text_is_in_no_file_of_inbox_or_lake_and_comes_back_to_who_asks(folder):
    with filled(folder) as log:
        assert not holding(folder.parent, SECRET)
        for _ in range(2):
            assert log.read(Person, ["email"])["email"].tolist() == [SECRET, None]
            assert log.read(Note, ["text"])["text"].tolist() == [SECRET, SECRET]
            assert log.find(Person, "ann") == Person(id="ann", country="nl", email=SECRET)
            log.compact()
            assert not holding(folder.parent, SECRET)
    with opened(folder, read_only=True) as log:
        assert log.find(Note, "n1") == note("n1")


def test_rows_loaded_in_bulk_are_sealed_too(folder):
    with opened(folder) as log:
        texts = {name: np.array([value], dtype=object) for name, value in (("id", "n"), ("by", "ann"), ("about", None), ("text", SECRET))}
        log.load(Note, texts | {"at": np.array([NOON])})
        assert log.read(Note, ["text"])["text"].tolist() == [SECRET]
    assert not holding(folder.parent, SECRET)


def test_a_rejected_row_of_an_import_is_set_aside_without_what_is_private(folder, tmp_path):
    file = tmp_path / "source" / "notes.csv"
    file.parent.mkdir()
    file.write_text(f"id,at,mail\na,never,{SECRET}\nb,2026-01-01T00:00Z,{SECRET}\nc,{SECRET}\n")
    with opened(folder) as log:
        report = import_file(log, Note, file, {"text": "mail"})
    assert (report.added, sum(report.rejected.values())) == (1, 2)
    assert not holding(folder, SECRET)
    assert b"never" in report.rejected_file.read_bytes()
    assert report.first["at: not an instant"] == (1, "at: 'never' is not an instant")


def test_a_value_is_not_told_of_where_its_column_is_private_to_another_field(folder, tmp_path):
    file = tmp_path / "notes.csv"
    file.write_text(f"id,mail\na,{SECRET}\n")
    with opened(folder) as log:
        report = import_file(log, Note, file, {"text": "mail", "at": "mail"})
        with pytest.raises(BadInput) as refused:
            import_file(log, Note, file, {"at": "mail"}, {"text": [SECRET]})
    assert report.first == {"at: not an instant": (1, "at: not an instant")}
    assert not holding(folder, SECRET)
    assert str(refused.value) == "Note.text: not text"


def test_nobody_who_does_not_name_a_private_field_reads_it(folder):
    with filled(folder) as log:
        assert "email" not in log.read(Person)
        assert all("text" not in rows.get("Note", {}) for rows in log.replay())
    assert "words" not in field_names(Shown[Ask, Thing])


def test_a_repeated_record_is_the_same_although_it_is_sealed_anew(folder):
    with filled(folder) as log:
        assert log.append([note("n1")], NOON + 100).duplicates.all()
        with pytest.raises(MillraceError, match=r"Note n1 \(text differs\)"):
            log.append([note("n1", "other")], NOON + 100)


def test_the_master_key_is_made_for_its_owner_alone(folder):
    filled(folder).close()
    assert stat.S_IMODE(key_file(folder).stat().st_mode) == 0o600
    assert stat.S_IMODE(keys_file(folder).stat().st_mode) == 0o600
    key_file(folder).chmod(0o644)
    with opened(folder) as log, pytest.raises(MillraceError, match=r"others may read .*chmod 600"):
        log.find(Person, "ann")


def test_the_master_key_lies_where_the_environment_says(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("MILLRACE_KEY_FILE", str(tmp_path / "elsewhere" / "master"))
    filled(folder).close()
    assert (tmp_path / "elsewhere" / "master").exists()
    assert not (tmp_path / "log.key").exists()


def test_a_lost_key_is_said_and_the_rest_of_the_log_is_read(folder):
    filled(folder).close()
    key = key_file(folder).read_text()
    key_file(folder).unlink()
    with opened(folder) as log:
        assert log.read(Person)["country"].tolist() == ["nl", ""]
        for use in (lambda: log.find(Person, "ann"), lambda: log.append([note("n3")], NOON + 100)):
            with pytest.raises(MillraceError, match=r"log\.key is lost, .* restore it .* MILLRACE_KEY_FILE") as said:
                use()
            assert key.strip() not in str(said.value)


def test_another_key_is_refused_for_reading_and_writing(folder):
    filled(folder).close()
    key_file(folder).write_text("ab" * 32)
    with opened(folder) as log:
        for use in (lambda: log.find(Person, "ann"), lambda: log.append([note("n3")], NOON + 100)):
            with pytest.raises(MillraceError, match=r"is not the key that private fields .* were sealed with"):
                use()


def test_a_file_that_holds_no_key_is_refused(folder):
    filled(folder).close()
    key_file(folder).write_text("secret")
    with opened(folder) as log, pytest.raises(MillraceError, match="holds no key of 64 hexadecimal digits") as said:
        log.find(Person, "ann")
    assert "secret" not in str(said.value)


def test_lost_data_keys_are_said(folder):
    filled(folder).close()
    keys_file(folder).unlink()
    with opened(folder) as log, pytest.raises(MillraceError, match=r"log\.keys, the keys .* is lost: restore it from a backup"):
        log.find(Person, "ann")


def test_a_destroyed_key_takes_what_it_sealed_along_and_nothing_else(folder):
    with filled(folder) as log:
        keyring = log.store.keyring
        assert keyring.destroy(list(keyring.names([owner("Thing", "cup")]).values())) == 1
        assert log.read(Note, ["text"])["text"].tolist() == [FORGOTTEN, SECRET]
        assert log.find(Person, "ann").email == SECRET


def test_what_was_changed_in_the_folder_is_noticed(folder):
    with filled(folder) as log:
        body = log.store._writer.execute("SELECT body FROM inbox WHERE id = 'n1'").fetchone()[0]
        swapped = body.replace(b'"text":"sealed:', b'"text":"sealed:A')
        log.store._writer.execute("UPDATE inbox SET body = ? WHERE id = 'n1'", (swapped,))
        with pytest.raises(MillraceError, match=r"a sealed Note.text was changed since it was written"):
            log.find(Note, "n1")


def test_text_from_before_a_field_was_private_is_read_as_it_is(folder):
    class Before(Event):
        text: str

    Before.__name__ = "Note"
    with Log.open(folder, [Before]) as log:
        log.append([Before(id="old", at=moment(NOON), text="clear")], NOON)
    with opened(folder) as log:
        log.append([note("new")], NOON + 1)
        assert log.read(Note, ["text"])["text"].tolist() == ["clear", SECRET]


def test_a_private_field_is_text():
    with pytest.raises(DeclarationError, match=r"Private\[int\] cannot be: a private field is text"):
        Private[int]


def test_what_a_record_is_found_by_cannot_be_private(folder):
    class Badge(Entity):
        id: Private[str]

    with pytest.raises(DeclarationError, match=r"Badge\.id is Private: records are found and ordered by it"):
        Log.open(folder, [Badge])


def test_a_private_field_is_read_by_no_expression():
    for read in (lambda: Person.email, lambda: Note.by.email, lambda: Note.by["email"], lambda: Note.text):
        with pytest.raises(DeclarationError, match="is Private: no key, condition, feature or outcome may read it"):
            read()


def test_a_function_of_an_entity_sees_no_private_field():
    from millrace.features.plan import attribute_names, plan

    @feature()
    def domain(person: Person):
        return person.email

    assert attribute_names(Person) == ("country",)
    assert "email" not in plan(Ask, Thing, [domain]).attributes[Person]


def test_keys_made_by_two_at_once_are_one(folder):
    with filled(folder) as log:
        again = type(log.store.keyring)(folder)
        names = list(again.names(["Person:ann", "Person:new"]).values())
        assert again.made(names) == log.store.keyring.made(names)
        assert len(set(again.made(names).values())) == 2
        assert not [path for path in os.listdir(folder.parent) if "unfinished" in path]


def test_decisions_need_no_keys(folder):
    with opened(folder) as log:
        log.append([decision("d", "a", "b")], NOON)
        assert log.decision("d") == decision("d", "a", "b")
    assert not key_file(folder).exists()
