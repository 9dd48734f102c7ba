"""The smallest versions and releases a test can ask for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace.stores.audit import Change
from millrace.stores.registry import Registry
from millrace.stores.releases import Releases
from millrace.stores.versions import Lineage, VersionRecord


def change(at: int = 100, who: str = "ada", why: str = "to see") -> Change:
    return Change(at, who, why)


def lineage(**other: Any) -> Lineage:
    read = {"log_position": 7, "known_from": 0, "known_until": 90, "rows": 12, "labels": {"finished": 12}}
    made = {"declaration": "d1", "code": "0.1", "seed": 3, "created": 100}
    return Lineage(**{**read, **made, **other})


def saving(text: str) -> Callable[[Path], None]:
    """Return a `save` that writes two files, one in a folder."""

    def save(folder: Path) -> None:
        (folder / "weights.txt").write_text(text)
        (folder / "trees").mkdir()
        (folder / "trees" / "0.txt").write_text("leaf")

    return save


def published(registry: Registry, text: str, model: str = "ranker", **other: Any) -> VersionRecord:
    return registry.publish(model, saving(text), lineage(**other), metrics={"auc": 0.8}, settings={"trees": 2})


def released(registry: Registry, releases: Releases, text: str, system: str = "feed") -> str:
    """Return a release of one fresh version."""
    return releases.create(system, {"ranker": published(registry, text).version}, "s1", {}, change()).id
