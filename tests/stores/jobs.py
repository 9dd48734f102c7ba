"""The jobs that are killed and raced: what they need, what they do, and what must be true whatever became of them."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from millrace.errors import Conflict
from millrace.stores.audit import Audit
from millrace.stores.database import open_database
from millrace.stores.journal import Journal
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.snapshots import Snapshots
from millrace.stores.standing import Rollout
from tests.stores.making import change, lineage, published, released, saving

Report = dict[str, Any]


class Publish:
    """Publishes a second version beside a first."""

    def prepare(self, home: Path) -> None:
        with open_database(home) as database:
            published(Registry(database, home), "first")

    def work(self, home: Path) -> None:
        with open_database(home) as database:
            published(Registry(database, home), "second")

    def inspect(self, home: Path) -> Report:
        with open_database(home) as database:
            registry = Registry(database, home)
            found = registry.versions("ranker")
            for record in found:
                registry.folder(record.version)
            orphans = {path.name for path in (home / "versions" / "ranker").iterdir()} - {record.version for record in found}
            swept = registry.sweep()
            again = published(registry, "second")
            return {
                "done": len(found) == 2,
                "orphans": sorted(orphans),
                "swept": swept,
                "numbers": [record.number for record in registry.versions("ranker")],
                "text": (registry.folder(again.version) / "weights.txt").read_text(),
                "folders": sorted(path.name for path in (home / "versions" / "ranker").iterdir()),
                "registered": [record.version for record in registry.versions("ranker")],
                "entries": len(Audit(database).entries(again.version)),
                "staging": [path.name for path in (home / "staging").iterdir()],
            }


class Mend:
    """Publishes again what was damaged."""

    def prepare(self, home: Path) -> None:
        with open_database(home) as database:
            registry = Registry(database, home)
            (registry.folder(published(registry, "first").version) / "weights.txt").unlink()

    def work(self, home: Path) -> None:
        with open_database(home) as database:
            published(Registry(database, home), "first")

    def inspect(self, home: Path) -> Report:
        self.work(home)
        with open_database(home) as database:
            registry = Registry(database, home)
            records = registry.versions("ranker")
            text = (registry.folder(records[0].version) / "weights.txt").read_text()
            return {"done": True, "numbers": [record.number for record in records], "text": text}


class Promote:
    """Promotes a second release over a first."""

    def prepare(self, home: Path) -> None:
        with open_database(home) as database:
            registry, releases = Registry(database, home), Releases(database)
            first = released(registry, releases, "first")
            released(registry, releases, "second")
            releases.promote(releases.standing("feed"), first, change())

    def work(self, home: Path) -> None:
        with open_database(home) as database:
            releases = Releases(database)
            releases.promote(releases.standing("feed"), releases.of("feed")[1].id, change())

    def inspect(self, home: Path) -> Report:
        with open_database(home) as database:
            registry, releases = Registry(database, home), Releases(database)
            standing = releases.standing("feed")
            return {
                "done": standing.revision == 2,
                "champion": [release.id for release in releases.of("feed")].index(standing.champion or ""),
                "stages": [record.stage for record in registry.versions("ranker")],
                "promotions": sum(entry.what == "promote" for entry in Audit(database).entries("feed")),
            }


class Save:
    """Saves a third snapshot after two."""

    def prepare(self, home: Path) -> None:
        for position in (1, 2):
            self._save(home, position)

    def work(self, home: Path) -> None:
        self._save(home, 3)

    def inspect(self, home: Path) -> Report:
        snapshot, warnings = Snapshots(home).load()
        assert snapshot is not None
        found = snapshot.meta["position"]
        self._save(home, 4)
        files = sorted(path.name for path in home.glob("*.npz"))
        staging = [path.name for path in (home / "staging").iterdir()]
        return {"done": found == 3, "position": found, "warnings": warnings, "kept": len(files), "staging": staging}

    def _save(self, home: Path, position: int) -> None:
        Snapshots(home).save({"n": np.full(1000, position)}, {"position": position})


class PublishAlike:
    """Publishes one version that all racers publish, and one of each racer's own."""

    def work(self, home: Path, racer: int) -> None:
        with open_database(home) as database:
            registry = Registry(database, home)
            for text in ("common", f"own {racer}", "common"):
                registry.publish("ranker", saving(text), lineage(), {}, {})

    def inspect(self, home: Path) -> Report:
        with open_database(home) as database:
            registry = Registry(database, home)
            found = registry.versions("ranker")
            texts = sorted((registry.folder(record.version) / "weights.txt").read_text() for record in found)
            return {"numbers": [record.number for record in found], "texts": texts, "entries": len(Audit(database).entries())}


class Advance:
    """Takes a rollout five steps on, looking again whenever another was faster."""

    def work(self, home: Path, racer: int) -> None:
        with open_database(home) as database:
            releases = Releases(database)
            candidate = releases.create("feed", {}, "s1", {}, change()).id
            for _ in range(5):
                while not self._step(releases, candidate, f"controller {racer}"):
                    pass

    def _step(self, releases: Releases, candidate: str, who: str) -> bool:
        seen = releases.standing("feed")
        step = seen.rollout.step + 1 if seen.rollout else 0
        try:
            releases.roll_out(seen, Rollout(release=candidate, step=step, share=0.5, started=100), change(who=who))
        except Conflict:
            return False
        return True

    def inspect(self, home: Path) -> Report:
        with open_database(home) as database:
            history = Releases(database).history("feed")
            return {"revision": history[-1].revision, "steps": [standing.rollout.step for standing in history if standing.rollout]}


class Start:
    """Starts five runs and notes whose they are."""

    def work(self, home: Path, racer: int) -> None:
        with open_database(home) as database:
            journal = Journal(database)
            for day in range(5):
                with suppress(Conflict):
                    run = journal.start("feed", "train", str(day), 100)
                    journal.finish(run, 200, "done", data={str(racer): True})

    def inspect(self, home: Path) -> Report:
        with open_database(home) as database:
            runs = Journal(database).runs()
            return {"owners": [run.data for run in runs], "doubles": sum(len(run.data) != 1 for run in runs)}


class SaveAlong:
    """Saves five snapshots into the folder of all."""

    def work(self, home: Path, racer: int) -> None:
        for i in range(5):
            Snapshots(home).save({"n": np.full(1000, racer)}, {"racer": racer, "i": i})

    def inspect(self, home: Path) -> Report:
        snapshot, warnings = Snapshots(home).load()
        staging = [path.name for path in (home / "staging").iterdir()]
        return {"warnings": warnings, "kept": snapshot is not None, "staging": staging}
