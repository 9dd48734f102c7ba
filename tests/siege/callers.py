"""Callers under siege: they ask without a pause, judge every answer, and remember what they were promised."""

import json
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.siege.besieged import Besieged

CALLERS = 3
PAUSE_S = 0.005
"""Between two requests of one caller: a server that refuses at once would else be asked thousands of times a second."""
REFUSALS = (429, 503)


@dataclass
class Promised:
    """What was answered with 200, and what is owed an answer."""

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    decisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    owed: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refused: int = 0
    broken: int = 0
    wrong: list[str] = field(default_factory=list)


class Callers:
    """Threads that call until they are told to end.

    Args:
        of: The server.

    Attributes:
        promised: What they were.
        may_break: Whether a process may be away just now: else no connection may break.
    """

    def __init__(self, of: Besieged) -> None:
        self.promised = Promised()
        self.may_break = False
        self._of = of
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CALLERS)]
        for one in self._threads:
            one.start()

    def end(self) -> None:
        """Let them end."""
        self._ended.set()
        for one in self._threads:
            one.join()

    def settle(self) -> None:
        """Send again, under its id, what was refused or broken off, until nothing is owed."""
        connection = self._of.connect()
        for path, body in self.promised.owed:
            status = self.ask(connection, path, body)
            if status != 200:
                self.promised.wrong.append(f"sent again, {body['id']} is answered {status}")
        connection.close()

    def _run(self, number: int) -> None:
        connection, turn = self._of.connect(), 0
        while not self._ended.wait(PAUSE_S):
            turn += 1
            name = f"{number}-{turn}-{self._of.owner}"
            path, body = asked(name, turn)
            was_safe = not self.may_break
            status = self.ask(connection, path, body)
            with self._lock:
                if status != 200:
                    self.promised.owed.append((path, body))
                self.promised.refused += status in REFUSALS
                self.promised.broken += status == 0
                if status == 0 and was_safe and not self.may_break:
                    self.promised.wrong.append(f"{path} of {body['id']} broke off while all processes were there")
        connection.close()

    def ask(self, connection: HTTPConnection, path: str, body: dict[str, Any]) -> int:
        """Ask once; note what was promised, and whatever is no honest answer. Return the status, 0 for none."""
        try:
            connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
            answer = connection.getresponse()
            status, said, retry = answer.status, answer.read(), answer.headers.get("retry-after", "")
        except (OSError, HTTPException):
            connection.close()
            return 0
        with self._lock:
            if status == 200:
                self._note(path, body, json.loads(said))
            elif status not in REFUSALS:
                self.promised.wrong.append(f"{path} of {body['id']} is answered {status}: {said[:300]!r}")
            elif not (retry.isdigit() and int(retry) >= 1):
                self.promised.wrong.append(f"{path} of {body['id']} is refused with {status} and no Retry-After: {said[:300]!r}")
        return status

    def _note(self, path: str, body: dict[str, Any], said: dict[str, Any]) -> None:
        name = body["id"]
        if path == "/v1/events":
            self.promised.events[name] = body
            is_valid = said["ids"] == [name] and said["accepted"] + said["duplicates"] == 1
        else:
            again = self.promised.decisions.setdefault(name, said)
            is_valid = said["id"] == name and again["items"] == said["items"] and len(said["items"]) == body["limit"]
        if not is_valid:
            self.promised.wrong.append(f"{path} of {name} is answered {said}")


def asked(name: str, turn: int) -> tuple[str, dict[str, Any]]:
    """Return what to call and with what: requests and events in turn."""
    visitor = f"visitor-{turn % 7}"
    if turn % 2:
        return "/v1/decide", {"id": f"look-{name}", "visitor": visitor, "limit": 1 + turn % 3}
    return "/v1/events", {"type": "Buy", "id": f"buy-{name}", "visitor": visitor, "good": f"good-{turn % 9}", "cents": turn}


def readiness(of: Besieged) -> int:
    """Return what `/readyz` answers on a new connection; 0 for nothing within a second."""
    connection = of.connect(1.0)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    except (OSError, HTTPException):
        return 0
    finally:
        connection.close()


def until_answered(of: Besieged, callers: Callers, most_s: float) -> None:
    """Ask on new connections until a decision is made."""
    begun = time.monotonic()
    turn = 0
    while True:
        turn += 2
        connection = of.connect(most_s)
        status = callers.ask(connection, *asked(f"again-{begun}-{turn}", turn + 1))
        connection.close()
        took = time.monotonic() - begun
        if status == 200:
            return
        assert took < most_s, f"nothing is decided {took:.1f} s after the fault ended: {of.said[-3000:]}"
        time.sleep(0.02)
