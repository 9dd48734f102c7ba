"""Tombstones are signed in a row, name nobody, and any hand laid on them is found."""

import pytest

from millrace.errors import MillraceError
from millrace.log.keys import Master
from millrace.stores.redaction import without
from millrace.stores.tombstones import FILE, Tombstones

MASTER = Master(bytes(range(32)))


@pytest.fixture
def stones(tmp_path):
    made = Tombstones(tmp_path)
    for number, id_ in enumerate(("ann", "bob", "cas"), 1):
        made.add(MASTER, "Viewer", id_, number, 1000 * number, {"Watch": number}, 0, {"Watch": 5 - number})
    return made


def test_they_follow_one_another_and_hold_no_name(stones, tmp_path):
    assert stones.check(MASTER) == []
    assert [one.number for one in stones.all()] == [1, 2, 3]
    text = (tmp_path / FILE).read_text()
    assert not any(name in text for name in ("ann", "bob", "cas"))
    assert stones.gaps() == {"Watch": 2}


def test_who_asks_by_name_finds_the_tombstone_and_another_key_finds_none(stones):
    assert [one.number for one in stones.of(MASTER, "Viewer", "bob")] == [2]
    assert stones.of(MASTER, "Video", "bob") == []
    assert stones.of(Master(bytes(32)), "Viewer", "bob") == []


def test_one_that_is_there_is_not_added_again(stones):
    again = stones.add(MASTER, "Viewer", "bob", 2, 2000, {"Watch": 99}, 0, {})
    assert again == stones.all()[1]
    assert len(stones.all()) == 3


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: [lines[0], lines[1].replace('"Watch":2', '"Watch":1'), lines[2]], "tombstone 2 was changed"),
        (lambda lines: [lines[0], lines[2]], "tombstone 2 does not follow"),
        (lambda lines: [lines[1], lines[2]], "tombstone 1 does not follow"),
        (lambda lines: [lines[0], lines[0], lines[1], lines[2]], "tombstone 2 does not follow"),
    ],
    ids=["changed", "taken out", "the first taken out", "put in"],
)
def test_a_change_is_found(stones, tmp_path, change, said):
    lines = (tmp_path / FILE).read_text().splitlines()
    (tmp_path / FILE).write_text("\n".join(change(lines)) + "\n")
    assert stones.check(MASTER)[0].startswith(said)


def test_another_key_proves_nothing(stones):
    assert len(stones.check(Master(bytes(32)))) == 3


def test_a_file_cut_off_is_said(stones, tmp_path):
    content = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(content[:-9])
    with pytest.raises(MillraceError, match="is damaged"):
        stones.all()


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ("viewer-17", "(forgotten)"),
        ("asked by viewer-17, twice: viewer-17.", "asked by (forgotten), twice: (forgotten)."),
        ("Viewer:viewer-17 asked", "(forgotten) asked"),
        ("viewer-171 and my-viewer-17 are others", "viewer-171 and my-viewer-17 are others"),
        ({"of": ["viewer-17", 3, None], "viewer-17": 1}, {"of": ["(forgotten)", 3, None], "(forgotten)": 1}),
    ],
)
def test_a_name_is_taken_out_where_it_stands_by_itself(value, left):
    assert without(value, "Viewer", "viewer-17") == left


def test_a_short_id_is_taken_out_of_sentences_after_its_class_only():
    assert without("trained on 7 rows for Viewer 7", "Viewer", "7") == "trained on 7 rows for (forgotten)"
    assert without(["7"], "Viewer", "7") == ["(forgotten)"]
