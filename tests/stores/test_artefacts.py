from contextlib import suppress
from pathlib import Path

import pytest

from millrace.stores.artefacts import Artefacts


@pytest.fixture
def artefacts(tmp_path: Path) -> Artefacts:
    return Artefacts(tmp_path)


def install(artefacts: Artefacts, version: str, *, fail: bool = False) -> None:
    """Install a version; fail afterwards, as a publisher does whose transaction is not committed."""
    with suppress(RuntimeError), artefacts.staged() as files:
        (files / "weights.txt").write_text(version)
        artefacts.install(files, "ranker", version)
        if fail:
            raise RuntimeError


def test_folder_of_a_publisher_that_failed_is_removed_unless_its_version_was_registered_after_all(artefacts: Artefacts):
    install(artefacts, "ranker-1", fail=True)
    install(artefacts, "ranker-2", fail=True)
    assert artefacts.sweep(lambda version: version == "ranker-2") == ["ranker-1"]
    assert not artefacts.place("ranker", "ranker-1").exists()
    assert (artefacts.place("ranker", "ranker-2") / "weights.txt").read_text() == "ranker-2"


def test_folder_that_no_failed_publisher_made_is_left_alone(artefacts: Artefacts):
    install(artefacts, "ranker-1")
    assert artefacts.sweep(lambda version: False) == []
    assert artefacts.place("ranker", "ranker-1").exists()


@pytest.mark.parametrize("note", [b"", b'{"model":"ranker","ver', b"{}"])
def test_note_that_was_not_finished_removes_nothing_but_itself(artefacts: Artefacts, tmp_path: Path, note: bytes):
    install(artefacts, "ranker-1")
    (tmp_path / "staging" / "left").mkdir()
    (tmp_path / "staging" / "left" / "intent.json").write_bytes(note)
    assert artefacts.sweep(lambda version: False) == []
    assert artefacts.place("ranker", "ranker-1").exists()
    assert [path.name for path in (tmp_path / "staging").iterdir()] == ["lock"]


def test_what_lay_in_a_versions_place_is_replaced_whole(artefacts: Artefacts):
    place = artefacts.place("ranker", "ranker-1")
    place.mkdir(parents=True)
    (place / "old.txt").write_text("old")
    install(artefacts, "ranker-1")
    assert [path.name for path in place.iterdir()] == ["weights.txt"]


def test_install_that_died_between_the_old_files_and_the_new_is_finished_for_a_registered_version(artefacts: Artefacts, tmp_path: Path):
    for version in ("ranker-1", "ranker-2"):
        left = tmp_path / "staging" / version
        for name in ("files", "replaced"):
            (left / name).mkdir(parents=True)
            (left / name / "weights.txt").write_text(name)
        (left / "intent.json").write_text(f'{{"model":"ranker","version":"{version}"}}')
    artefacts.place("ranker", "ranker-1").parent.mkdir(parents=True)
    assert artefacts.sweep(lambda version: version == "ranker-1") == []
    assert (artefacts.place("ranker", "ranker-1") / "weights.txt").read_text() == "files"
    assert not artefacts.place("ranker", "ranker-2").exists()
    assert [path.name for path in (tmp_path / "staging").iterdir()] == ["lock"]
