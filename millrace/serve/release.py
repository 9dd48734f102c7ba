"""What is installed: the champion's versions and thresholds, and the policy that serves it beside a candidate."""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import Any

from millrace.decision import Policy, Scorer
from millrace.errors import MillraceError
from millrace.loaded import Loaded
from millrace.policy.wrappers import Canary, Experiment, Pinned, Shadow
from millrace.schema import Field
from millrace.serve.facts import Installed
from millrace.stores.registry import Registry
from millrace.stores.release import Release
from millrace.stores.releases import Releases
from millrace.stores.standing import Rollout, Standing
from millrace.stores.versions import VersionRecord
from millrace.walk import digest

log = logging.getLogger("millrace.serve")

_MOST_READ = 100
"""Versions of one model that are kept in memory."""

SHADOWED = "shadowed"
"""The arm of a decision that a candidate was asked for as well, and did not answer."""


class Versions:
    """Loads versions from the registry, each once, and keeps the latest hundred of each model.

    Attributes:
        ending: By id, the versions whose end was announced, as of the last `refresh`.
    """

    def __init__(self, loaded: Loaded, registry: Registry) -> None:
        self._loaded = loaded
        self._registry = registry
        self._versions: dict[str, Scorer] = {}
        self._read_of: dict[str, deque[str]] = {}
        self._lock = threading.Lock()
        self._left_out: dict[str, str] = {}
        self.ending: dict[str, VersionRecord] = {}

    def load(self, version: str) -> Scorer:
        """Return a version, read from its verified artefact the first time."""
        found = self._versions.get(version)  # without the lock: who serves does not wait for what another loads
        return found if found is not None else self._read(version)

    def _read(self, version: str) -> Scorer:
        with self._lock:
            if version not in self._versions:
                name = self._registry.get(version).model
                found = self._loaded.models[name].learner.load(self._registry.folder(version))
                self._versions[version] = found
                self._let_go(name, version)
            return self._versions[version]

    def _let_go(self, model: str, version: str) -> None:
        """Let go of the version of a model that was read longest ago, where many were read since: one that is updated has a lot of them."""
        read = self._read_of.setdefault(model, deque())
        read.append(version)
        if len(read) > _MOST_READ:
            del self._versions[read.popleft()]

    def refresh(self) -> None:
        """Read which versions are about to end.

        Raises:
            Unavailable: The database cannot be read.
        """
        self.ending = {one.version: one for one in self._registry.ending()}

    def fits(self, version: str) -> bool:
        """Whether a version was trained under the model as it is declared now; another one is not served."""
        record = self._registry.get(version)
        model = self._loaded.models.get(record.model)
        return model is not None and record.lineage.declaration == digest(model)

    def is_ready(self, version: str) -> bool:
        """Whether a version fits and is loaded: it is, now, so that no decision has to wait for it; why one is not is told once."""
        try:
            why = "" if self.fits(version) else "its model is declared otherwise now than when it was trained; train it anew"
            if not why:
                self.load(version)
        except MillraceError as error:
            why = str(error)
        if not why:
            self._left_out.pop(version, None)
        elif self._left_out.get(version) != why:
            log.error("%s is not served: %s", version, why)
            self._left_out[version] = why
        return not why


def installed(release: Release | None, versions: Versions) -> Installed:
    """Return a release as it can be served: versions trained under another declaration, and damaged ones, are left out."""
    if release is None:
        return Installed()
    ready = {model: version for model, version in release.versions.items() if versions.is_ready(version)}
    return Installed(release.id, ready, release.thresholds)


def serving(loaded: Loaded, releases: Releases, versions: Versions, standing: Standing) -> tuple[Policy, Installed, dict[int, str]]:
    """Return the policy that serves a standing, what is installed under it, and the names of the wrappers made for it."""
    champion = installed(releases.get(standing.champion) if standing.champion else None, versions)
    if standing.rollout is None:
        return loaded.system.policy, champion, {}
    policy, names = _beside(loaded, installed(releases.get(standing.rollout.release), versions), standing.rollout)
    return policy, champion, names


def _beside(loaded: Loaded, candidate: Installed, under_way: Rollout) -> tuple[Policy, dict[int, str]]:
    """Return the policy with a candidate beside the champion: it answers its share, or none and shadows it."""
    policy, unit = loaded.system.policy, rollout_unit(loaded)
    pinned: dict[Any, Any] = {**candidate.versions, **candidate.thresholds}
    if under_way.share > 0:
        wrapped = rollout(loaded).wrap(policy, pinned, candidate.release, under_way.share, unit)
        number = candidate.release.partition("-")[0]  # the draw of the units hangs on it: not on what the declaration happens to hash to
        return wrapped, {id(wrapped): f"rollout of {number}"}
    share = float(under_way.data.get("share", 0.0))
    if share <= 0:
        return policy, {}
    shadow = Pinned(policy, pinned, candidate.release)
    arms = {"alone": policy, SHADOWED: Shadow(policy, shadow, str(under_way.data["within"]))}
    made = Experiment(arms, unit=unit, shares=(1 - share, share))
    return made, {id(made): f"shadowing by {candidate.release}", id(shadow): candidate.release}


def rollout(loaded: Loaded) -> Canary:
    """Return how new releases go out; all at once when nothing else is declared."""
    retrain = loaded.system.retrain
    return retrain.rollout if retrain is not None and retrain.rollout is not None else Canary("100%")


def rollout_unit(loaded: Loaded) -> Field:
    """Return the request's field by which a rollout assigns: as declared, else its first reference, else the request itself."""
    from millrace.schema import references

    declared = rollout(loaded).unit
    found = references(loaded.system.request)
    return declared if declared is not None else found[0] if found else Field(loaded.system.request, "id")
