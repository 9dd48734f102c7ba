"""Handing records to the process that owns the log: in groups, and again until the owner has said what became of them."""

from __future__ import annotations

import http.client
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import msgspec

from millrace.decision import Decision
from millrace.errors import BadInput, MillraceError, Unavailable
from millrace.log.appending import Receipt
from millrace.schema import Event
from millrace.serve.owning import RECORDS, TOKEN_HEADER
from millrace.serve.reaching import Connect, asked, refusal
from millrace.serve.transit import gathered, outcomes, packed, stream_name
from millrace.types import EVER

log = logging.getLogger("millrace.serve")

PATIENCE_S = 5.0
"""How long records wait for an owner that is away, in seconds, before whoever submitted them is told to come again."""
_BRIEFLY_S = 0.5
"""The same while it is known to be away: callers had better be told soon."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
_CAPACITY = 50_000
_GROUP_BYTES = 4 * 1024 * 1024


@dataclass
class _Waiting:
    """A submission that the owner has said nothing of yet."""

    body: bytes
    size: int
    until: float
    done: Future[Receipt] = field(default_factory=Future)


class Owner:
    """The owner of the log, as another process reaches it. Threads may share it.

    What was sent and not answered is sent again: the log knows a record by its id. When the owner stays away, whoever submitted is told so;
    the records may or may not have been logged then, and sending them again with their ids is harmless.

    Args:
        connect: How to reach it.
        token: What it is shown; "" where only its own can connect.
        patience_s: See `PATIENCE_S`.

    Attributes:
        trouble: Why it did not take what it was handed last; "" when it did.
        last_known: The latest `known` that it told of, microseconds since 1970 UTC.
    """

    def __init__(self, connect: Connect, token: str = "", patience_s: float = PATIENCE_S) -> None:
        self.trouble = ""
        self.last_known = EVER
        self._connect = connect
        self._headers = {"content-type": "application/msgpack"} | ({TOKEN_HEADER: token} if token else {})
        self._patience_s = patience_s
        self._connection: http.client.HTTPConnection | None = None
        self._waiting: deque[_Waiting] = deque()
        self._items = 0
        self._is_open = True
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="millrace-handing", daemon=True)
        self._thread.start()

    def submit(self, items: Sequence[Any]) -> Future[Receipt]:
        """Hand records over, to be logged together or not at all; the future gives their receipt once they are on disk.

        Raises:
            BadInput: A value cannot be written.
            Unavailable: Too many are waiting, or this is closed.
        """
        body = packed([_identified(one) for one in items])
        patience = min(self._patience_s, _BRIEFLY_S) if self.trouble else self._patience_s
        one = _Waiting(body, len(items), time.monotonic() + patience)
        with self._changed:
            if not self._is_open:
                raise Unavailable("this server is shutting down: ask another one")
            if self._items and self._items + one.size > _CAPACITY:
                raise Unavailable(f"{self._items} records wait for the owner of the log, at most {_CAPACITY} may: send them again later")
            self._waiting.append(one)
            self._items += one.size
            self._changed.notify()
        return one.done

    def decision(self, id: str) -> Decision | None:
        """Return the decision on the request with an id, None where there is none.

        Raises:
            Unavailable: The owner does not answer.
        """
        return self.find(Decision, id)

    def find(self, stream: type[Any], id: str) -> Any:
        """Return the item of a stream with an id, None where there is none.

        Raises:
            Unavailable: The owner does not answer.
        """
        status, body = asked(self._connect(self._patience_s), f"{RECORDS}/{stream_name(stream)}/{quote(id, safe='')}", self._headers)
        if status not in (200, 404):
            raise refusal(status, body)
        return msgspec.msgpack.decode(body, type=stream) if status == 200 else None

    def away(self) -> str:
        """Return why it takes no records just now; "" when it does."""
        try:
            status, body = asked(self._connect(self._patience_s), RECORDS, self._headers)
        except Unavailable as error:
            return str(error)
        return "" if status == 204 else str(refusal(status, body))

    def close(self) -> None:
        """Hand over what waits, as long as the owner takes it, and end."""
        with self._changed:
            self._is_open = False
            self._changed.notify()
        self._thread.join()
        self._disconnect()

    def _run(self) -> None:
        while group := self._next():
            try:
                self._hand_over(group)
            except Exception as error:  # whatever it is, those who wait must hear of it
                log.exception("records were not handed to the owner of the log")
                for one in group:
                    if not one.done.done():
                        one.done.set_exception(error)

    def _next(self) -> list[_Waiting]:
        """Wait for submissions and take what came in meanwhile; none once this is closed and all is handed over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._is_open)
            group, length = [], 0
            while self._waiting and (not group or length + len(self._waiting[0].body) <= _GROUP_BYTES):
                group.append(self._waiting.popleft())
                length += len(group[-1].body)
            self._items -= sum(one.size for one in group)
            return group

    def _hand_over(self, group: list[_Waiting]) -> None:
        """Send a group until it is answered; those whose time is up are told so."""
        pause = 0.0
        group = [one for one in group if one.done.set_running_or_notify_cancel()]
        while group:
            try:
                answers = self._sent(group)
            except (Unavailable, OSError, http.client.HTTPException, msgspec.DecodeError) as error:
                self._disconnect()
                self._note(
                    str(error) if isinstance(error, Unavailable) else f"the owner of the log does not answer ({type(error).__name__})"
                )
                time.sleep(pause)
                pause = min(max(2 * pause, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
                group = _those_with_time(group, self.trouble)
            else:
                self._note("")
                for one, outcome in zip(group, answers, strict=True):
                    self._settle(one.done, outcome)
                return

    def _sent(self, group: Sequence[_Waiting]) -> list[Receipt | MillraceError]:
        if self._connection is None:
            self._connection = self._connect(self._patience_s)
        self._connection.request("POST", RECORDS, gathered([one.body for one in group]), self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status == 422:
            return [BadInput(body.decode(errors="replace"))] * len(group)
        if answer.status != 200:
            raise refusal(answer.status, body)
        return [told.outcome() for told in outcomes.decode(body)]

    def _settle(self, done: Future[Receipt], outcome: Receipt | MillraceError) -> None:
        if isinstance(outcome, MillraceError):
            done.set_exception(outcome)
        else:
            self.last_known = max(self.last_known, int(outcome.known.max(initial=EVER)))
            done.set_result(outcome)

    def _note(self, trouble: str) -> None:
        if bool(trouble) != bool(self.trouble):
            log.warning("%s", trouble or "the owner of the log takes records again")
        self.trouble = trouble

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _those_with_time(group: list[_Waiting], trouble: str) -> list[_Waiting]:
    now = time.monotonic()
    for one in group:
        if one.until <= now:
            said = f"{trouble}; what was sent may or may not be logged: send it again with the same id"
            one.done.set_exception(Unavailable(said))
    return [one for one in group if one.until > now]


def _identified(item: Any) -> Any:
    """Return a record with an id, so that it counts once however often it is sent."""
    return msgspec.structs.replace(item, id=uuid4().hex) if isinstance(item, Event) and not item.id else item
