"""The online view as other processes read it: where it stands, and the connection that all cuts of it ask by."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from millrace.adapters.redis.connection import failures
from millrace.adapters.redis.cut import Cut
from millrace.adapters.redis.layout import Layout, Published
from millrace.adapters.redis.ranking import Indices
from millrace.adapters.redis.wants import Needs
from millrace.errors import Late
from millrace.features.defaults import DefaultsUsed
from millrace.types import EVER

_AVOIDED_S = 0.5
"""For how long Redis is not asked again after it did not answer, in seconds."""


class RedisView:
    """A system's online view, published in Redis by another process.

    Any number of threads may read it. Reads that Redis does not answer, or no longer can as of their instant, are answered as a view that
    has seen nothing would: they are counted, and the cut that made them says so.

    Args:
        client: The connection; see `connect`.
        layout: Where things lie.
        indices: What the publisher keeps rankings of.

    Attributes:
        missed: How many reads were answered so.
        trouble: Why the last one was; "" when all is well.
        generation: Which publication was heard of last, "" before the first: rows are looked for there first.
        latest: The latest watermark heard of.
        defaults_used: See `OnlineView.defaults_used`.
    """

    def __init__(self, client: Any, layout: Layout, indices: Indices) -> None:
        self.client = client
        self.layout = layout
        self.indices = indices
        self.missed = 0
        self.trouble = ""
        self.defaults_used = DefaultsUsed()
        self.generation = ""
        self.latest = EVER
        self._needs: dict[tuple[str, ...], Needs] = {}
        self._avoided_until = 0.0

    def close(self) -> None:
        """Let go of the connections."""
        self.client.close()

    def cut(self) -> Cut:
        """Return the view as of the latest instant that it can be read as of when it is first asked."""
        return Cut(self)

    def standing(self) -> Published:
        """Return where what Redis holds stands.

        Raises:
            Late: Redis does not answer, or holds nothing of this system's features.
        """
        return self.understood(self.asked(lambda client: client.get(self.layout.standing)))

    def understood(self, standing: bytes | None) -> Published:
        """Return a standing as it was written.

        Raises:
            Late: There is none.
        """
        if standing is None:
            self.trouble = "nobody publishes there what this system's features need"
            raise Late(self.trouble)
        self.trouble = ""
        published = _STANDING.decode(standing)
        self.generation = published.generation
        self.latest = max(self.latest, published.watermark)
        return published

    def asked(self, ask: Callable[[Any], Any]) -> Any:
        """Return what Redis answers.

        Raises:
            Late: It does not, or did not a moment ago.
        """
        if time.monotonic() < self._avoided_until:
            raise Late(self.trouble)
        try:
            return ask(self.client)
        except failures() as error:
            self._avoided_until = time.monotonic() + _AVOIDED_S
            self.trouble = f"Redis does not answer ({type(error).__name__})"
            raise Late(self.trouble) from error

    def needs(self, features: Sequence[Any]) -> Needs:
        """Return what features need: worked out once."""
        columns = tuple([one.column for one in features])
        found = self._needs.get(columns)
        if found is None:
            found = self._needs[columns] = Needs(self.layout, features)
        return found


_STANDING = msgspec.msgpack.Decoder(Published)
