"""One decision of a feed, in process, beside the bare LightGBM prediction on the same rows.

500 candidates × 30 features × 300 trees, one thread, one request at a time. Ours is everything between a request and its record:
sources, features as of the watermark, the model, weighing, constraints, exploration with exact chances, and the record itself. The bare
prediction is given the finished matrix. Both are measured in turns, so that a busy machine slows both.
"""

import tempfile
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from millrace.decision import Decisions
from millrace.loading import load
from millrace.log.streams import codec_of
from millrace.models.learner import Examples
from millrace.operate.simulation import SimulatedTime
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.versions import Lineage
from millrace.types import DAY, HOUR, SECOND, Array, Columns, objects, size, take
from millrace.walk import digest

START = 20_000 * DAY
VIEWERS, VIDEOS, CREATORS, TOPICS, EVENTS = 2_000, 3_000, 300, 20, 40_000
CANDIDATES = 500


def world(engine: Engine, time_: SimulatedTime) -> None:
    """Fill the log with a week of watches."""
    g = np.random.default_rng(0)
    streams = engine.loaded.streams
    named = {
        name: objects(f"{name[0].lower()}{i}" for i in range(n))
        for name, n in (("Viewer", VIEWERS), ("Video", VIDEOS), ("Creator", CREATORS))
    }
    columns: dict[str, Columns] = {
        "Creator": {"id": named["Creator"], "country": objects(g.choice(["nl", "de", "fr"], CREATORS).tolist())},
        "Viewer": {"id": named["Viewer"], "country": objects(g.choice(["nl", "de", "fr"], VIEWERS).tolist())},
        "Video": {
            "id": named["Video"],
            "creator": named["Creator"][g.integers(0, CREATORS, VIDEOS)],
            "topic": objects(f"topic{i}" for i in g.integers(0, TOPICS, VIDEOS)),
            "uploaded_at": START - g.integers(0, 30 * DAY, VIDEOS),
        },
    }
    for name, rows in columns.items():
        engine.ingest(codec_of(streams[name]).restore(rows))
    at = np.sort(START + g.integers(0, 7 * DAY, EVENTS))
    popular = np.minimum((g.pareto(0.8, EVENTS) * 60).astype(int), VIDEOS - 1)
    watches = {
        "id": objects(f"w{i}" for i in range(EVENTS)),
        "at": at,
        "viewer": named["Viewer"][g.integers(0, VIEWERS, EVENTS)],
        "video": named["Video"][popular],
        "seconds": g.exponential(20, EVENTS),
        "completed": g.random(EVENTS) < 0.4,
    }
    for first in range(0, EVENTS, 2_000):
        part = take(watches, slice(first, first + 2_000))
        time_.now = int(part["at"][-1]) + SECOND
        engine.ingest(codec_of(streams["Watch"]).restore(part))


def requests(n: int, at: int) -> Columns:
    """Return requests of random viewers."""
    g = np.random.default_rng(1)
    viewer = objects(f"v{i}" for i in g.integers(0, VIEWERS, n))
    return {"id": objects(f"r{i}" for i in range(n)), "at": np.full(n, at), "viewer": viewer, "limit": np.full(n, 20)}


def rows_of(engine: Engine, asked: Columns) -> Columns:
    """Return the features of what the sources propose."""
    facts = engine.facts(engine.clock.watermark())
    engine.view.advance(facts.watermark)
    proposed = engine.loaded.system.policy.policy.source.propose(asked, facts)
    return facts.lookup(engine.loaded.models["ranker"].features, Decisions(asked, proposed))


def install(engine: Engine, at: int) -> None:
    """Train 300 trees on the features of real decisions, with invented labels, and let them serve."""
    loaded, model = engine.loaded, engine.loaded.models["ranker"]
    rows = rows_of(engine, requests(100, at))
    n = size(rows)
    g = np.random.default_rng(2)
    taste = np.nan_to_num(rows[model.features[12].column]) + 0.02 * np.sqrt(rows[model.features[2].column]) + g.normal(0, 0.3, n)
    examples = Examples(rows, {model.heads[0]: (taste > np.median(taste)).astype(float)}, np.ones(n), np.arange(n), np.full(n, at))
    version = model.learner.fit(examples, 0)
    lineage = Lineage(
        log_position=0, known_from=0, known_until=at, declaration=digest(model), code="", seed=0, rows=n, labels={}, created=at
    )
    record = engine.home.registry.publish("ranker", version.save, lineage, {}, {})
    change = Change(at=at, who="benchmark", why="measured")
    release = engine.home.releases.create(loaded.name, {"ranker": record.version}, loaded.hash, {}, change)
    engine.home.releases.promote(engine.home.releases.standing(loaded.name), release.id, change)
    engine.reload()


def bare(engine: Engine, asked: Columns) -> tuple[object, Array]:
    """Return the booster that serves, and the matrix of one request's candidates."""
    standing = engine.home.releases.standing(engine.loaded.name)
    version = engine.load(engine.home.releases.get(str(standing.champion)).versions["ranker"])
    rows = take(rows_of(engine, asked), slice(0, CANDIDATES))
    assert size(rows) == CANDIDATES, f"{size(rows)} candidates are proposed, {CANDIDATES} are promised"
    return version.boosters[version.heads[0]], version.encoding.matrix(rows)  # type: ignore[attr-defined]


def main(turns: Annotated[int, typer.Option(help="How many requests to measure.", min=20)] = 300) -> None:
    """Measure one decision beside the bare prediction; the last line is the ratio of their medians."""
    system = str(Path(__file__).parent / "decide_system.py")
    with tempfile.TemporaryDirectory() as folder:
        loaded, clock = load(system), SimulatedTime(START)
        home = Home(Path(folder), loaded)
        engine = Engine(loaded, home, now=clock, patient=True)
        world(engine, clock)
        now = clock.now + HOUR
        clock.now = now
        install(engine, now)
        asked = requests(turns, now)
        booster, matrix = bare(engine, take(asked, slice(0, 1)))
        ours, peer, considered = [], [], []
        for turn in range(turns):
            one = take(asked, slice(turn, turn + 1))
            began = time.perf_counter()
            booster.predict(matrix, num_threads=1)  # type: ignore[attr-defined]
            between = time.perf_counter()
            decision = engine.answer(one)[0]
            ended = time.perf_counter()
            assert decision.policy == "ranked", "the fallback answered: what is measured is not what is meant"
            peer.append(between - began)
            ours.append(ended - between)
            considered.append(len(decision.candidate))
        engine.close()
        home.close()
    print(
        f"candidates {np.median(considered):.0f}, features {matrix.shape[1]}, rows of the bare prediction {len(matrix)}, requests {turns}"
    )
    for name, times in (("bare LightGBM predict", peer), ("millrace decide", ours)):
        p50, p99 = np.percentile(np.array(times) * 1e3, [50, 99])
        print(f"{name:24} p50 {p50:.2f} ms  p99 {p99:.2f} ms")
    print(f"decide ratio={np.median(peer) / np.median(ours):.2f}")


if __name__ == "__main__":
    typer.run(main)
