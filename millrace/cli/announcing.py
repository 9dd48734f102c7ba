"""What a server prints when it begins: where it is, and what it answers."""

from __future__ import annotations

from millrace.cli.printing import console
from millrace.loaded import Loaded

_ROUTES = (
    ("POST", "/v1/decide", "decide one {request}, or a list"),
    ("POST", "/v1/events", "events and entities, each with its type"),
    ("POST", "/v1/decisions/<id>/outcome", "what came of a decision"),
    ("GET", "/v1/decisions/<id>/explain", "why it was decided so"),
    ("GET", "/openapi.json", "all of it, typed"),
    ("GET", "/metrics", "for Prometheus; /healthz and /readyz for probes"),
)


def announce(loaded: Loaded, where: str, url: str) -> None:
    """Print where a system is served, and what it answers."""
    out = console()
    request = loaded.system.request.__name__
    out.print(f"{loaded.name} on {where}")
    for method, path, what in _ROUTES:
        out.print(f"  {method:<5}{url}{path:<28}{what.format(request=request)}")
    out.print("Ctrl-C ends it; what was accepted is finished first.")
