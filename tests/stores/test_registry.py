import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.stores.audit import Audit
from millrace.stores.database import Database, open_database
from millrace.stores.registry import Registry
from tests.stores.making import change, lineage, published, saving


def test_version_is_named_for_its_model_its_number_and_its_content(registry: Registry):
    first, second = published(registry, "a"), published(registry, "b")
    assert (first.number, second.number) == (1, 2)
    assert first.version == f"ranker-0001-{first.content[:8]}"
    assert [found.version for found in registry.versions("ranker")] == [first.version, second.version]
    assert published(registry, "a", model="towers").number == 1


def test_what_is_published_is_read_back_the_same_by_another_process(registry: Registry, home: Path):
    record = published(registry, "a", labels={"finished": 5, "liked": 2})
    with open_database(home) as other:
        again = Registry(other, home)
        assert again.get(record.version) == record
        folder = again.folder(record.version)
    assert (folder / "weights.txt").read_text() == "a"
    assert folder == home / "versions" / "ranker" / record.version
    assert record.stage == "candidate"


def test_numbers_of_numpy_are_kept_as_numbers_and_nan_as_none(registry: Registry):
    record = registry.publish(
        "ranker",
        saving("a"),
        lineage(rows=np.int64(12), known_until=np.int64(90)),
        metrics={"auc": np.float64(0.5), "ndcg": float("nan"), "by_hour": np.arange(3)},
        settings={"trees": np.int32(4)},
    )
    assert record.metrics == {"auc": 0.5, "ndcg": None, "by_hour": [0, 1, 2]}
    assert registry.get(record.version) == record


def test_same_content_published_twice_is_one_version_with_its_first_lineage(registry: Registry, database: Database):
    first = published(registry, "a", created=100)
    assert published(registry, "a", created=200, seed=9) == first
    assert registry.versions("ranker") == [first]
    assert len(Audit(database).entries(first.version)) == 1


def test_same_files_for_another_declaration_are_another_version(registry: Registry):
    first, second = published(registry, "a", declaration="d1"), published(registry, "a", declaration="d2")
    assert first.version != second.version


@pytest.mark.parametrize("name", ["weights.txt", "trees/0.txt", "manifest.json"])
def test_changed_file_is_refused_by_name_with_the_remedy(registry: Registry, name: str):
    version = published(registry, "a").version
    path = registry.folder(version) / name
    path.chmod(0o644)
    path.write_text(path.read_text() + " ")
    with pytest.raises(BadInput, match=f"{name} was changed since it was published: restore the folder from a backup, or publish the same"):
        registry.folder(version)


@pytest.mark.parametrize("name", ["weights.txt", "trees/0.txt", "manifest.json"])
def test_missing_file_is_refused_by_name(registry: Registry, name: str):
    version = published(registry, "a").version
    (registry.folder(version) / name).unlink()
    with pytest.raises(NotFound, match=f"{name} is missing"):
        registry.folder(version)


def test_missing_folder_is_refused(registry: Registry):
    version = published(registry, "a").version
    shutil.rmtree(registry.folder(version))
    with pytest.raises(NotFound, match="is missing: restore the folder"):
        registry.folder(version)


def test_added_file_is_refused(registry: Registry):
    version = published(registry, "a").version
    (registry.folder(version) / "more.txt").write_text("x")
    with pytest.raises(BadInput, match=r"more\.txt was added to a version, which never changes: remove it"):
        registry.folder(version)


def test_publishing_the_same_content_again_puts_a_damaged_folder_back(registry: Registry):
    record = published(registry, "a")
    folder = registry.folder(record.version)
    (folder / "weights.txt").unlink()
    (folder / "weights.txt").write_text("tampered")
    assert published(registry, "a") == record
    assert (registry.folder(record.version) / "weights.txt").read_text() == "a"


def test_files_of_a_version_are_read_only(registry: Registry):
    folder = registry.folder(published(registry, "a").version)
    assert all(path.stat().st_mode & 0o222 == 0 for path in folder.rglob("*") if path.is_file())


def _link(folder: Path) -> None:
    os.symlink("/etc/hostname", folder / "link")


def _nothing(folder: Path) -> None:
    (folder / "empty").mkdir()


def _own_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{}")


@pytest.mark.parametrize(
    "save, message",
    [
        (_link, "link is not a plain file"),
        (_nothing, "a version saved no file"),
        (_own_manifest, r"a version must not save a manifest\.json"),
    ],
)
def test_folder_that_cannot_be_sealed_is_refused_and_registers_nothing(registry: Registry, save, message: str):
    with pytest.raises(BadInput, match=message):
        registry.publish("ranker", save, lineage(), {}, {})
    assert registry.versions("ranker") == []


@pytest.mark.parametrize("model", ["", "../up", "a/b", "-x", ".hidden", "a b", "a" * 101])
def test_model_that_cannot_name_a_folder_is_refused(registry: Registry, model: str):
    with pytest.raises(BadInput, match="cannot name a model's folder"):
        published(registry, "a", model=model)


@pytest.mark.parametrize(
    "other, message",
    [
        ({"rows": "many"}, r"VersionRecord\.lineage\.rows is wrong: expected `int`, got `str`"),
        ({"created": 1.5}, r"VersionRecord\.lineage\.created is wrong: expected `int`, got `float`"),
        ({"labels": {"finished": None}}, r"lineage\.labels"),
    ],
)
def test_lineage_that_could_not_be_read_back_is_refused(registry: Registry, other: dict, message: str):
    with pytest.raises(BadInput, match=message):
        published(registry, "a", **other)


def test_setting_that_is_no_json_is_refused(registry: Registry):
    with pytest.raises(BadInput, match="VersionRecord cannot be kept as JSON: it holds a object"):
        registry.publish("ranker", saving("a"), lineage(), {}, {"learner": object()})


def test_parent_must_be_registered(registry: Registry):
    parent = published(registry, "a").version
    assert published(registry, "b", parents=(parent,)).lineage.parents == (parent,)
    with pytest.raises(NotFound, match="no version is called 'ranker-0099-00000000'"):
        published(registry, "c", parents=("ranker-0099-00000000",))
    assert len(registry.versions("ranker")) == 2


def test_failed_publish_is_swept_and_what_it_did_not_make_stays(registry: Registry, home: Path):
    def failing(folder: Path) -> None:
        (folder / "weights.txt").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        registry.publish("ranker", failing, lineage(), {}, {})
    foreign = home / "versions" / "ranker" / "ranker-0042-abcdef01"
    foreign.mkdir(parents=True)
    assert registry.sweep() == []
    assert [path.name for path in (home / "staging").iterdir()] == ["lock"]
    assert foreign.exists()


def test_sweep_leaves_a_publisher_at_work_alone(registry: Registry, home: Path):
    def save(folder: Path) -> None:
        saving("a")(folder)
        with open_database(home) as other:
            assert Registry(other, home).sweep() == []

    record = registry.publish("ranker", save, lineage(), {}, {})
    assert registry.folder(record.version).is_dir()


def test_stage_says_who_when_and_why(registry: Registry, database: Database):
    version = published(registry, "a").version
    assert registry.stage(version, "rejected", change(200, "gate", "auc fell by 0.02")).stage == "rejected"
    assert registry.stage(version, "candidate", change(300, "ada", "the test set was stale")).stage == "candidate"
    first, second = Audit(database).entries(version)[1:]
    assert (first.at, first.who, first.why, first.what, first.before, first.after) == (
        200,
        "gate",
        "auc fell by 0.02",
        "stage",
        "candidate",
        "rejected",
    )
    assert (second.before, second.after, second.at) == ("rejected", "candidate", 300)


@pytest.mark.parametrize(
    "path, message",
    [
        (["rejected", "retired"], "is rejected and cannot become retired: from there it can become candidate"),
        (["champion"], "cannot be made champion here: promote or roll back the release that holds it"),
    ],
)
def test_stage_that_cannot_follow_is_refused_and_leaves_no_trace(registry: Registry, database: Database, path: list[str], message: str):
    version = published(registry, "a").version
    for stage in path[:-1]:
        registry.stage(version, stage, change())
    before = registry.get(version), Audit(database).entries()
    with pytest.raises(Conflict, match=message):
        registry.stage(version, path[-1], change())
    assert (registry.get(version), Audit(database).entries()) == before


def test_stage_that_a_version_is_in_already_is_not_written_twice(registry: Registry, database: Database):
    version = published(registry, "a").version
    rejected = registry.stage(version, "rejected", change(200))
    assert registry.stage(version, "rejected", change(300)) == rejected
    assert [entry.at for entry in Audit(database).entries(version)] == [100, 200]


def test_unknown_stage_and_unknown_version_are_refused(registry: Registry):
    with pytest.raises(BadInput, match="'best' is not a stage: choose candidate, champion, rejected, retired"):
        registry.stage(published(registry, "a").version, "best", change())
    for ask in (registry.get, registry.folder, lambda version: registry.stage(version, "retired", change())):
        with pytest.raises(NotFound, match="no version is called 'nobody': millrace status SYSTEM lists"):
            ask("nobody")


@pytest.mark.parametrize(
    "at, who, why, field", [(1, " ", "x", "who"), (1, "ada", "", "why"), (1.5, "ada", "x", "at"), (None, "ada", "x", "at")]
)
def test_change_without_an_instant_a_person_or_a_reason_is_refused(registry: Registry, at, who, why, field: str):
    version = published(registry, "a").version
    with pytest.raises(BadInput) as refused:
        registry.stage(version, "retired", change(at, who, why))
    assert refused.value.field == field


def test_notes_are_added_field_by_field_and_audited(registry: Registry, database: Database):
    version = published(registry, "a").version
    registry.annotate(version, {"intended": "short videos", "limits": "no children"}, change())
    record = registry.annotate(version, {"limits": ["no children", "no night"]}, change(who="grace"))
    assert record.notes == {"intended": "short videos", "limits": ["no children", "no night"]}
    assert registry.get(version) == record
    last = Audit(database).entries(version)[-1]
    assert (last.what, last.who, last.before["limits"], last.after) == ("annotate", "grace", "no children", record.notes)
