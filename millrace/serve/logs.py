"""What a server says while it runs: lines of text, or a JSON object a line, without what must stay secret."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from typing import Any, Literal, TypeAlias

import msgspec

from millrace.decision import Decision

Format: TypeAlias = 'Literal["text", "json"]'
FORMATS: tuple[Format, ...] = ("text", "json")

REQUEST: ContextVar[str] = ContextVar("request", default="")
"""What the caller calls its request (`X-Request-Id`, or the trace of its `traceparent`), while it is answered; "" where it does not say."""

ABOUT = ("request", "decision", "system", "release", "policy", "action", "arm", "missed", "took_ms")
"""What a line may say beside its message, by the names that `extra` gives it."""

_SECRET = (
    (re.compile(r"\bmr_[\w-]{20,}"), "mr_***"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"://[^/\s@]+@"), "://***@"),
)
_LONGEST_ID = 100

decisions_log = logging.getLogger("millrace.decisions")


class Lines(logging.Formatter):
    """Makes lines of what is logged. What looks like a key, or a password in a URL, is left out, and so is each secret it was told.

    Args:
        form: Text, or a JSON object a line.
        system: The system that speaks.
        secrets: What must never be written.
        who: Which of several processes it is; "" for the only one.

    Attributes:
        release: Returns the release that serves; replaced once something does.
    """

    def __init__(self, form: Format, system: str, secrets: Iterable[str] = (), who: str = "") -> None:
        super().__init__(f"%(asctime)s %(levelname)s %(name)s{f' [{who}]' if who else ''}: %(message)s")
        self.release: Callable[[], str] = str
        self._form = form
        self._system = system
        self._secrets = tuple(one for one in secrets if one)
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return self._json(record) if self._form == "json" else self._clean(super().format(record))

    def _json(self, record: logging.LogRecord) -> str:
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        said: dict[str, Any] = {
            "time": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "system": self._system,
            "release": self.release(),
            "request": REQUEST.get(),
            "process": self._who,
        }
        said |= {name: getattr(record, name) for name in ABOUT if hasattr(record, name)}
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        clean = {name: self._clean(one) if isinstance(one, str) else one for name, one in said.items() if one not in ("", [], None)}
        return msgspec.json.encode(clean).decode()

    def _clean(self, text: str) -> str:
        for one in self._secrets:
            text = text.replace(one, "***")
        for pattern, instead in _SECRET:
            text = pattern.sub(instead, text)
        return text


def begin(form: Format, system: str, *, secrets: Iterable[str] = (), who: str = "", decisions: bool = False) -> Lines:
    """Write what is logged to standard error from now on.

    Args:
        form: See `Lines`, as are the others.
        system: See there.
        secrets: See there.
        who: See there.
        decisions: Whether each decision is a line too.
    """
    lines, handler = Lines(form, system, secrets, who), logging.StreamHandler()
    handler.setFormatter(lines)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    decisions_log.setLevel(logging.INFO if decisions else logging.WARNING)
    return lines


def request_of(headers: Any) -> str:
    """Return what the caller calls its request, as far as it can be written on a line; "" where it does not say.

    >>> request_of({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"})
    '0af7651916cd43dd8448eb211c80319c'
    """
    said = headers.get("x-request-id", "") or headers.get("traceparent", "")[3:35]
    return said[:_LONGEST_ID] if said.isprintable() else ""


def decided(decisions: Iterable[Decision], took_s: float) -> None:
    """Write a line for each decision of a call, if that was asked for: ids and names, and nothing of what was asked."""
    if not decisions_log.isEnabledFor(logging.INFO):
        return
    for one in decisions:
        said = {name: getattr(one, name) for name in ("system", "release", "policy", "action", "arm", "missed")}
        more = said | {"decision": one.id, "took_ms": round(took_s * 1e3, 3)}
        decisions_log.info("%r: %s by %s in %.1f ms", one.id, one.action, one.policy, took_s * 1e3, extra=more)
