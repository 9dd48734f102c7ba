"""What may be repeated: the latest decisions of pipelines that are cached. It can be lost at any moment: then they decide anew."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, TypeAlias

import msgspec

from millrace.decision import Decision
from millrace.loaded import Loaded
from millrace.log.appending import Receipt
from millrace.policy.cached import Cached
from millrace.types import Columns

MOST = 10_000
"""How many decisions are remembered, and how many wait to be known; of more, those that were asked for longest ago go."""

Kind: TypeAlias = "tuple[str, str, tuple[str, ...]]"
"""Whose answers: (policy, release, fields of the key)."""


class Memory:
    """Remembers what this process decided, once that is in the log.

    Args:
        loaded: The system; one that caches nothing remembers nothing.
        most: How many decisions to remember.
    """

    def __init__(self, loaded: Loaded, most: int = MOST) -> None:
        self._keys: dict[str, set[tuple[str, ...]]] = {}
        for one in loaded.of(Cached):
            self._keys.setdefault(loaded.name_of(one.policy), set()).add(tuple(field.name for field in one.key))
        self._most = most
        self._view = ""
        self._lock = threading.Lock()
        self._decided: OrderedDict[str, tuple[Decision, list[Any]]] = OrderedDict()
        self._known: OrderedDict[Any, tuple[int, Decision]] = OrderedDict()

    @property
    def is_used(self) -> bool:
        """Whether the system caches anything."""
        return bool(self._keys)

    def recalled(self, kind: Kind, requests: Columns, since: int, watermark: int, view: str = "") -> list[Decision | None]:
        """Return for each request what may be repeated on it, None where nothing may.

        Args:
            kind: Whose answers.
            requests: The requests.
            since: It was decided as of this instant or later, microseconds.
            watermark: It was known before this instant, microseconds.
            view: Which edition of the view is decided on; it changes when somebody was forgotten, and nothing of another one is repeated.
        """
        values = _values(requests, kind[2])
        with self._lock:
            self._stand(view)
            return [self._one((*kind, value), since, watermark) for value in values]

    def _one(self, place: Any, since: int, watermark: int) -> Decision | None:
        known, decision = self._known.get(place, (watermark, None))
        if decision is None or known >= watermark or decision.watermark < since:
            return None
        self._known.move_to_end(place)
        return decision

    def decided(self, requests: Columns, decisions: Sequence[Decision], view: str = "") -> None:
        """Take note of what was decided, to be remembered once it is known."""
        if not self._keys:
            return
        with self._lock:
            self._stand(view)
            for policy, keys in self._keys.items():
                for names in keys:
                    for one, value in zip(decisions, _values(requests, names), strict=True):
                        if one.policy == policy and not one.repeats and not one.missed:
                            _, places = self._decided.setdefault(one.id, (one, []))
                            places.append((policy, one.release, names, value))
            _shorten(self._decided, self._most)

    def known(self, decisions: Iterable[Any], known: Iterable[int]) -> None:
        """Remember those of some records that were noted here, now that they are in the log.

        Args:
            decisions: Records; those that this process did not make are passed over.
            known: When each became known, microseconds.
        """
        if not self._keys:
            return
        with self._lock:
            for one, instant in zip(decisions, known, strict=True):
                noted = self._decided.pop(one.id, None) if isinstance(one, Decision) else None
                if noted is None or noted[0] != one:  # else another process decided on that request, and it counts
                    continue
                for place in noted[1]:
                    self._known[place] = int(instant), _taken(one)
                    self._known.move_to_end(place)
            _shorten(self._known, self._most)

    def _stand(self, view: str) -> None:
        if view != self._view:
            self._decided.clear()
            self._known.clear()
            self._view = view


def _values(requests: Columns, names: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the key of each request."""
    columns = [requests[name].tolist() for name in names]
    return [tuple(tuple(one) if isinstance(one, list) else one for one in row) for row in zip(*columns, strict=True)]


def _taken(one: Decision) -> Decision:
    """Return what is needed to repeat a decision."""
    rows = {name: getattr(one, name)[: one.taken] for name in ("candidate", "source", "score")}
    return msgspec.structs.replace(one, **rows, propensity=[], features={}, heads={}, shadow=[])


def _shorten(entries: OrderedDict[Any, Any], most: int) -> None:
    while len(entries) > most:
        entries.popitem(last=False)


def remembering(memory: Memory, items: Sequence[Any], done: Future[Receipt]) -> Future[Receipt]:
    """Return what is done when some items are in the log, and those that are decisions remembered."""
    told: Future[Receipt] = Future()

    def learn(future: Future[Receipt]) -> None:
        if error := future.exception():
            told.set_exception(error)
            return
        receipt = future.result()
        memory.known(items, receipt.known.tolist())
        told.set_result(receipt)

    done.add_done_callback(learn)
    return told
