"""Which version of which model answers an inference: the champion's unless one is named, loaded once, scored for many callers at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from millrace.decision import Scorer
from millrace.errors import BadInput, NotFound
from millrace.serve.deciding import Decider
from millrace.serve.gathering import Gatherer
from millrace.serve.metrics import Metrics
from millrace.serve.v2_rows import Rows, columns_of
from millrace.serve.v2_signature import Signature, signature
from millrace.stores.versions import VersionRecord
from millrace.types import Columns, take
from millrace.walk import digest


@dataclass(frozen=True, eq=False)
class Served:
    """A version that answers.

    Attributes:
        model: The model's name.
        version: Its id.
        signature: What it takes and gives.
        scorer: The version itself.
        count: Counts rows that were scored.
    """

    model: str
    version: str
    signature: Signature
    scorer: Scorer
    count: Callable[[int], None]

    def score(self, batch: Sequence[Rows]) -> list[Columns]:
        """Return the outputs by name for each caller's rows, all scored in one call."""
        said = self.scorer.score(columns_of(self.signature, batch))
        outputs = {one.name: said[one.column] for one in self.signature.outputs}
        found, start = [], 0
        for rows in batch:
            found.append(take(outputs, slice(start, start + len(rows))))
            start += len(rows)
        self.count(start)
        return found

    @cached_property
    def gathered(self) -> Gatherer[Rows, Columns]:
        """Scores rows together with those of others who ask at the same time."""
        return Gatherer(self.score, len)


class Models:
    """The models of an engine, as callers of the Open Inference Protocol name them.

    A version is named by its id (`ranker-0007-1f3a9c02`) or by its number (`7`); no name means that of the champion release.

    Args:
        engine: Whose models they are.
        metrics: Where the rows scored are counted.
    """

    def __init__(self, engine: Decider, metrics: Metrics) -> None:
        self._engine = engine
        self._metrics = metrics
        self._registry = engine.home.registry
        self._versions = engine.versions
        self._served: dict[str, Served] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self._declared: dict[str, str] = {}

    def quick(self, model: str, version: str) -> Served | None:
        """Return what `found` would, if that takes neither the disk nor time; else None."""
        if self._engine.versions is not self._versions:  # somebody was forgotten: what is in memory may still name them
            self._versions, self._served = self._engine.versions, {}
        id_ = self._ids.get((model, version)) if version else self._engine.installed.versions.get(model)
        return self._served.get(id_) if id_ is not None else None

    def found(self, model: str, version: str = "") -> Served:
        """Return the version that answers, loaded. May read the disk.

        Raises:
            NotFound: There is no such model or version, or none of the model serves.
            BadInput: The version was trained under another declaration, or is damaged.
        """
        return self.quick(model, version) or self._load(model, self._id(model, version))

    def versions(self, model: str) -> list[str]:
        """Return the ids of all versions of a model that can be asked, oldest first. Reads the disk."""
        return [record.version for record in self._registry.versions(model) if self._fits(record)]

    def index(self) -> list[tuple[str, VersionRecord | None, str]]:
        """Return, for each version of each model, its record and why it cannot be asked, "" if it can; None for a model without any."""
        found: list[tuple[str, VersionRecord | None, str]] = []
        for model in self._engine.loaded.models:
            records = self._registry.versions(model)
            found += [(model, record, _why_not(record) if not self._fits(record) else "") for record in records]
            found += [(model, None, "it has no version yet")] if not records else []
        return found

    def is_whole(self) -> bool:
        """Whether every version of the champion release is loaded; so it is before the first release."""
        champion = self._engine.standing.champion
        return champion is None or set(self._engine.home.releases.get(champion).versions) <= set(self._engine.installed.versions)

    def _id(self, model: str, version: str) -> str:
        if model not in self._engine.loaded.models:
            raise NotFound(f"there is no model {model!r:.100}: the models are {', '.join(self._engine.loaded.models) or 'none'}")
        if not version:
            serving = self._engine.installed.versions.get(model)
            if serving is None:
                raise NotFound(f"no version of {model} serves yet: train and promote one, or name the version that is to answer")
            return serving
        named = next((one for one in self._registry.versions(model) if version in (one.version, str(one.number))), None)
        if named is None:
            raise NotFound(f"{model} has no version {version!r:.100}")
        if not self._fits(named):
            raise BadInput(f"{named.version}: {_why_not(named)}")
        self._ids[model, version] = named.version
        return named.version

    def _fits(self, record: VersionRecord) -> bool:
        if record.model not in self._declared:
            self._declared[record.model] = digest(self._engine.loaded.models[record.model])
        return record.stage != "deleted" and record.lineage.declaration == self._declared[record.model]

    def _load(self, model: str, version: str) -> Served:
        versions, loaded = self._engine.versions, self._engine.loaded
        scorer = versions.load(version)
        served = Served(model, version, signature(loaded, loaded.models[model], scorer), scorer, self._metrics.inferred(model, version))
        return self._served.setdefault(version, served) if versions is self._versions else served


def _why_not(record: VersionRecord) -> str:
    return "it was deleted: ask another version" if record.stage == "deleted" else _OTHER


_OTHER = "it was trained under another declaration of the model and is not served"
