"""Which version of a model served when: what a later one says of a row, nobody knew when the row was decided."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from millrace.decision import Scorer
from millrace.errors import NotFound
from millrace.features.learned import Learned
from millrace.loaded import Loaded
from millrace.serve.release import Versions, installed
from millrace.stores.releases import Releases
from millrace.types import Array, Columns, objects, size, take


class Published:
    """The versions of a system as they served.

    Args:
        loaded: The system.
        releases: Its releases and their standings.
        versions: Loads versions; those trained under another declaration never served this one.
    """

    def __init__(self, loaded: Loaded, releases: Releases, versions: Versions) -> None:
        self._loaded = loaded
        self._releases = releases
        self._versions = versions

    def says(self, one: Learned, rows: Columns, inputs: Columns) -> Array:
        """Return what the version that served each row says of it, NaN where none did. float64, shape (n,).

        Args:
            one: The feature.
            rows: Rows with `release`, the one they were decided with; or else with `watermark`, and the champion of that moment counts.
            inputs: What the versions are asked with, by name, for the same rows.
        """
        found = np.full(size(rows), np.nan)
        for index, version in self._served(self._loaded.name_of(one.model), rows):
            found[index] = one.of(version, take(inputs, index))
        return found

    def _served(self, model: str, rows: Columns) -> Iterator[tuple[Array, Scorer | None]]:
        """Yield the positions of the rows that a version served, with the version."""
        names = rows["release"] if "release" in rows else self._champions(rows["watermark"])
        releases, of = np.unique(names.astype(str), return_inverse=True)
        for number, release in enumerate(releases.tolist()):
            version = self._installed(release).get(model)
            yield np.flatnonzero(of == number), self._versions.load(version) if version is not None else None

    def _installed(self, release: str) -> Mapping[str, str]:
        """Return the versions that a release serves with; none of one that is not registered, such as what a module names in `Pinned`."""
        try:
            return installed(self._releases.get(release) if release else None, self._versions).versions
        except NotFound:
            return {}

    def _champions(self, watermark: Array) -> Array:
        """Return the release that was champion at each instant, "" before the first; a change counts from its own instant on."""
        standings = self._releases.history(self._loaded.name)
        names = objects(["", *(one.champion or "" for one in standings)])
        return names[np.searchsorted(np.array([one.at for one in standings], dtype=np.int64), watermark, side="right")]
