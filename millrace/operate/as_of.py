"""The served policy as of one instant: what a batch decides with, beside a server or without one, while the log goes on."""

from __future__ import annotations

from collections.abc import Sequence

from millrace.decision import Decision
from millrace.errors import BadInput, Late, Unavailable
from millrace.features.online import OnlineView
from millrace.loaded import Loaded
from millrace.log.streams import codec_of
from millrace.schema import Request
from millrace.serve.facts import LiveFacts
from millrace.serve.home import Home
from millrace.serve.records import recorded, records
from millrace.serve.release import Versions, serving
from millrace.stores.standing import Standing


class AsOf:
    """Decides with what was known before an instant and what served at a standing, whatever has come since. It logs nothing.

    Args:
        loaded: The system.
        home: Its folder; it is only read.
        watermark: The instant, microseconds since 1970 UTC.
        standing: What serves; see `Releases.standing`.
        seed: What every draw derives from: that of the server, so that both draw alike.
    """

    def __init__(self, loaded: Loaded, home: Home, watermark: int, standing: Standing, *, seed: int = 0) -> None:
        self.loaded = loaded
        self.watermark = watermark
        self._view = _view(loaded, home, watermark)
        self._versions = Versions(loaded, home.registry)
        self._policy, self._installed, names = serving(loaded, home.releases, self._versions, standing)
        self._names = {**loaded.names, **names}
        self._kept = recorded(loaded)
        self._seed = seed
        self.failures: dict[str, str] = {}

    def decide(self, requests: Sequence[Request]) -> list[Decision]:
        """Return a decision for each request, with no deadline for anything.

        Raises:
            Unavailable: Neither the policy nor any fallback could answer.
        """
        facts = LiveFacts(self._view, self.watermark, self._names, self._installed, self._versions.load, self._seed)
        try:
            decided = self._policy.decide(codec_of(type(requests[0])).columns(requests), facts)
        except Late as late:
            raise Unavailable(f"{self.loaded.name} cannot answer: {late}") from late
        self.failures.update(facts.failures)
        release = self._installed.release
        return records(decided, system=self.loaded.name, release=release, watermark=self.watermark, missed=facts.missed, kept=self._kept)


def _view(loaded: Loaded, home: Home, watermark: int) -> OnlineView:
    """Return the online view as of an instant: from the last snapshot if it is from before, else from the beginning."""
    view, after = home.view(loaded.plan)
    if max(view.last_known, view.standing.watermark) >= watermark:
        view, after = OnlineView(loaded.plan), None
    try:
        _follow(loaded, home, view, after, watermark)
    except BadInput:  # history was imported behind the snapshot
        view = OnlineView(loaded.plan)
        _follow(loaded, home, view, None, watermark)
    view.advance(watermark)
    return view


def _follow(loaded: Loaded, home: Home, view: OnlineView, after: int | None, until: int) -> None:
    if loaded.plan.streams:
        for batch in home.log.replay(after_position=after, known_until=until, streams=loaded.plan.streams):
            view.apply(batch)
