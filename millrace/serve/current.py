"""What serves now: the standing that the releases say, unless the system is halted; then what the halt says."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from millrace.decision import Policy
from millrace.errors import NotFound, Unavailable
from millrace.loaded import Loaded
from millrace.policy.wrappers import Fallback
from millrace.serve.deciding import Dwelling
from millrace.serve.facts import Installed
from millrace.serve.release import Versions, installed, serving
from millrace.stores.halts import FALLBACK, Halt
from millrace.stores.standing import Standing


class Current(NamedTuple):
    """What serves.

    Attributes:
        standing: Where the system stands.
        halt: The halt it is under, if there is one.
        policy: The policy that answers.
        installed: What is installed under it.
        names: The names of all that decides, by identity: those of the module, and of the wrappers made for it.
    """

    standing: Standing
    halt: Halt | None
    policy: Policy
    installed: Installed
    names: Mapping[int, str]

    def differs(self, standing: Standing, halt: Halt | None) -> bool:
        """Whether something else served under another standing and halt."""
        return (self.standing.revision, self.halt) != (standing.revision, halt)


def current(loaded: Loaded, home: Dwelling, versions: Versions, standing: Standing, held: Installed) -> Current:
    """Return what serves now.

    Args:
        loaded: The system.
        home: Its home. Under a halt the releases need not be readable where its champion is installed already.
        versions: Loads versions.
        standing: The standing that was read last.
        held: What was installed then.

    Raises:
        Unavailable: The releases cannot be read.
        NotFound: A halt goes to a fallback, and the module no longer declares one.
    """
    releases, halt = home.releases, home.halts.now(loaded.name)
    if halt is None:
        versions.refresh()
        standing, kept = releases.standing(loaded.name), home.experiments.kept(loaded.name)
        policy, champion, names = serving(loaded, releases, versions, standing)
        return Current(standing, None, policy, replace(champion, kept=kept), {**loaded.names, **names})
    kept = held.kept
    with suppress(Unavailable):  # the standing decides nothing now
        standing, kept = releases.standing(loaded.name), home.experiments.kept(loaded.name)
    policy = fallback_of(loaded) if halt.to == FALLBACK else loaded.system.policy
    champion = halt.release or standing.champion or ""
    if champion != held.release:
        held = installed(releases.get(champion), versions)
    return Current(standing, halt, policy, replace(held, kept=kept), loaded.names)


class Serving:
    """What serves in a process: looked up when asked, and replaced at once for all who read it.

    Args:
        loaded: The system.
        home: Its home.

    Attributes:
        now: What serves. Whoever decides reads it once, so that no decision is made by the one and recorded as by the other.
    """

    def __init__(self, loaded: Loaded, home: Dwelling) -> None:
        self._loaded, self._home = loaded, home
        self._looking = threading.Lock()
        self.now = Current(Standing(system=loaded.name), None, loaded.system.policy, Installed(), loaded.names)

    def reload(self, versions: Versions) -> bool:
        """Look up what serves, its versions loaded; return whether anything changed. Errors are those of `current`."""
        with self._looking:  # so that nobody installs what he read before another one did
            before = self.now
            self.now = current(self._loaded, self._home, versions, before.standing, before.installed)
            return self.now.differs(before.standing, before.halt)


class Serves:
    """What decides by a `Serving` says what serves in it."""

    _serving: Serving

    @property
    def standing(self) -> Standing:
        """What serves now, and what is rolled out beside it."""
        return self._serving.now.standing

    @property
    def halt(self) -> Halt | None:
        """The halt that it is under, if there is one."""
        return self._serving.now.halt

    @property
    def installed(self) -> Installed:
        """What the champion release has installed: the versions that decide."""
        return self._serving.now.installed


def fallback_of(loaded: Loaded) -> Policy:
    """Return the policy that a system falls back to: that of its outermost Fallback.

    Raises:
        NotFound: It declares none.
    """
    found = next(loaded.of(Fallback), None)
    if found is None:
        raise NotFound(f"{loaded.name} declares no Fallback(policy, to=..., after=...): it can be halted to its champion only")
    return found.to
