"""How a version ends: announced, kept until then and as long as anything needs it, deleted to the last file; its record stays."""

from pathlib import Path

import pytest

from millrace.errors import BadInput, Conflict, NotFound
from millrace.stores.audit import Audit
from millrace.stores.database import Database
from millrace.stores.endings import Endings
from millrace.stores.halts import Halts
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.standing import Rollout
from tests.stores.making import change, published, released

DAY = 86_400_000_000


@pytest.fixture
def endings(database: Database, home: Path) -> Endings:
    return Endings(database, home)


def test_version_is_promised_until_its_day_and_its_record_outlives_it(endings, registry: Registry, database, home: Path):
    version = published(registry, "a").version
    told = endings.announce(version, 2 * DAY, change(200))
    assert (told.stage, told.notes) == ("retired", {"deprecated": 200, "sunset": 2 * DAY})
    assert endings.announce(version, DAY, change(300)).notes == {"deprecated": 200, "sunset": DAY}, "it was announced when it was"
    with pytest.raises(Conflict, match=r"is promised until 1970-01-02 00:00 UTC"):
        endings.delete(version, change(DAY - 1))
    assert registry.folder(version).is_dir()
    gone = endings.delete(version, change(DAY), referring=7)
    assert (gone.stage, gone.lineage.rows) == ("deleted", 12)
    assert list((home / "versions" / "ranker").iterdir()) == []
    assert registry.get(version) == gone
    assert [one.version for one in registry.ending()] == [version]
    with pytest.raises(NotFound, match="were deleted: train it again"):
        registry.folder(version)
    assert [one.what for one in Audit(database).entries(version)] == ["publish", "stage", "sunset", "sunset", "stage", "delete"]
    assert Audit(database).entries(version)[-1].after == {"decisions": 7}


def test_without_an_announcement_nothing_is_deleted(endings, registry: Registry):
    version = published(registry, "a").version
    with pytest.raises(Conflict, match="no end was announced"):
        endings.delete(version, change(DAY))
    with pytest.raises(BadInput, match="1970-01-01 has passed"):
        endings.announce(version, 100, change(100))
    with pytest.raises(NotFound):
        endings.announce("ranker-0009-00000000", DAY, change())


def test_what_serves_is_rolled_out_or_returned_to_is_never_deleted(endings, registry: Registry, releases: Releases, home: Path):
    names = [released(registry, releases, text) for text in "abcd"]
    first, second, third, fourth = (releases.get(name).versions["ranker"] for name in names)
    seen = releases.promote(releases.standing("feed"), names[0], change(100))
    with pytest.raises(Conflict, match="is champion"):
        endings.announce(first, DAY, change(200))
    for name in names[1:3]:
        seen = releases.promote(seen, name, change(200))
    for version in (first, second, fourth):
        endings.announce(version, DAY, change(300))
    seen = releases.roll_out(seen, Rollout(release=names[3], step=0, share=0.1, started=300), change(300))
    Halts(home).begin("feed", "champion", names[0], change(400))
    for version, why in ((second, "a rollback would return to it"), (fourth, "it is being rolled out"), (first, "a halt goes to it")):
        with pytest.raises(Conflict, match=f"{version} is needed: {why} in feed"):
            endings.delete(version, change(DAY))
    Halts(home).end("feed", change(500))
    endings.delete(first, change(DAY))
    seen = releases.roll_back(seen, change(DAY))
    assert releases.get(seen.champion).versions["ranker"] == second
    with pytest.raises(Conflict, match="it serves in feed"):
        endings.delete(second, change(DAY))
    assert third


def test_what_was_deleted_comes_back_only_with_its_files(endings, registry: Registry, releases: Releases):
    serving, name = released(registry, releases, "a"), released(registry, releases, "b")
    version = releases.get(name).versions["ranker"]
    seen = releases.promote(releases.standing("feed"), serving, change())
    endings.announce(version, DAY, change(200))
    endings.delete(version, change(DAY))
    rollout = Rollout(release=name, step=0, share=0.1, started=DAY)
    with pytest.raises(Conflict, match="whose files were deleted"):
        releases.roll_out(seen, rollout, change(DAY))
    with pytest.raises(Conflict, match="is deleted and cannot become champion"):
        releases.promote(seen, name, change(DAY))
    with pytest.raises(Conflict, match="publish it again"):
        registry.stage(version, "candidate", change(DAY))
    again = published(registry, "b")
    assert (again.version, again.stage) == (version, "candidate")
    assert (registry.folder(version) / "weights.txt").read_text() == "b"
    assert releases.roll_out(seen, rollout, change(DAY)).candidate == name


def test_deletion_that_was_cut_off_is_finished_by_the_next(endings, registry: Registry, home: Path):
    version = published(registry, "a").version
    endings.announce(version, DAY, change(200))
    folder = registry.folder(version)
    kept = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    endings.delete(version, change(DAY))
    for path, content in kept.items():  # as a process leaves it that dies between the record and the files
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    assert endings.delete(version, change(DAY)).stage == "deleted"
    assert not folder.exists()
