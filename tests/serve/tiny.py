"""Tiny systems, served: an engine on a folder, a client in front of it, and a version published by hand."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from anyio.from_thread import BlockingPortal, start_blocking_portal

from millrace.loading import load
from millrace.models.declare import POSITION
from millrace.models.learner import Examples
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.serve.http import create_app
from millrace.stores.audit import Change
from millrace.stores.versions import Lineage
from millrace.types import Columns, objects
from millrace.walk import digest

RANK, SCORE, ALONE = "tests.serve.tiny_rank", "tests.serve.tiny_score", "tests.serve.tiny_alone"

NOON = "2026-01-01T12:00:00Z"
NOW = 1_767_268_800_000_000
"""Noon of the first of January 2026, microseconds since 1970 UTC: what the time is in these tests."""


class Client:
    """Calls an application in the event loop of another thread, as a server would."""

    def __init__(self, inner: httpx.AsyncClient, portal: BlockingPortal) -> None:
        self._inner = inner
        self._portal = portal

    def get(self, path: str, **how: Any) -> httpx.Response:
        return self._portal.call(partial(self._inner.get, path, **how))

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self._portal.call(partial(self._inner.post, path, **body))


@contextmanager
def served(system: str, folder: Path, **how: Any) -> Iterator[tuple[Client, Engine]]:
    """Open a system on a folder and put a client in front of it; closed as a server would close it."""
    loaded = load(system)
    home = Home(folder, loaded)
    try:
        engine = Engine(loaded, home, now=lambda: NOW)
        app = create_app(engine, **how)
        caller = httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://tiny")
        with start_blocking_portal() as portal, portal.wrap_async_context_manager(app.router.lifespan_context(app)):
            client = Client(caller, portal)
            while client.get("/readyz").status_code == 503:  # it is warming up
                time.sleep(0.001)
            yield client, engine
            portal.call(caller.aclose)
    finally:
        home.close()


def publish(engine: Engine, model: str, columns: Columns, labels: list[int], thresholds: dict[str, float] | None = None) -> str:
    """Fit a model on rows made by hand, release it and let it serve; return the release."""
    declared = engine.loaded.models[model]
    n = len(labels)
    named = dict(zip((one.column for one in declared.features), columns.values(), strict=True))
    named |= {POSITION: np.zeros(n)} if declared.position else {}
    order = np.arange(n)
    version = declared.learner.fit(Examples(named, {declared.heads[0]: np.array(labels, float)}, np.ones(n), order, order), 0)
    lineage = Lineage(
        log_position=0,
        known_from=0,
        known_until=NOW,
        declaration=digest(declared),
        code="",
        seed=0,
        rows=n,
        labels={declared.heads[0]: sum(labels)},
        created=NOW,
    )
    record = engine.home.registry.publish(model, version.save, lineage, {}, {})
    change = Change(NOW, "test", "to be served")
    release = engine.home.releases.create(engine.loaded.name, {model: record.version}, engine.loaded.hash, thresholds or {}, change)
    engine.home.releases.promote(engine.standing, release.id, change)
    engine.reload()
    return release.id


def publish_ranker(engine: Engine) -> str:
    """Publish a ranker of `tiny_rank` that likes what is often bought."""
    often = np.arange(60) % 6
    text = objects(["toy", "book"] * 30)
    columns = {"bought": often, "shown": np.ones(60), "mine": np.zeros(60), "kind": text, "country": objects(["nl"] * 60)}
    return publish(engine, "ranker", columns, (often > 2).astype(int).tolist())


def publish_risk(engine: Engine) -> str:
    """Publish a risk of `tiny_score` that distrusts large amounts, and refuses from a half."""
    cents = np.arange(60) * 20.0
    columns = {"payments": np.ones(60), "spent": cents, "cents": cents}
    return publish(engine, "risk", columns, (cents > 600).astype(int).tolist(), {"scored.Act/refuse": 0.5})
