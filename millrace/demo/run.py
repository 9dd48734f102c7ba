"""Let the feed live some weeks in its world, with progress to watch, and leave a page and the figures behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np

from millrace.demo.figures import Figures, figures
from millrace.demo.page import page
from millrace.demo.story import Story
from millrace.demo.telling import bar_of_days, leave
from millrace.demo.truth import Truth, Worth
from millrace.loading import load
from millrace.log.streams import codec_of
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, Slice, simulate
from millrace.operate.verify import verify
from millrace.policy.pipeline import Pipeline
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import DAY, Array, size, take
from millrace.worlds.feed import START, FeedWorld

_VIEWERS = 3_000
"""Enough that the lift between the arms stands out of how much viewers differ: of a fifth as many nobody could say its sign."""
_REQUESTS_PER_DAY = 1_500
_VIDEOS = 800
_TIMED = 300


def run(out: Path, *, days: int, seed: int) -> Figures:
    """Run the demonstration and write `index.html` and `summary.json` into a folder.

    Args:
        out: The folder; what an earlier run left there is replaced.
        days: How many simulated days, at least 4; tastes change at three fifths of them.
        seed: Of the world and of everything drawn.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    loaded = load("millrace.systems.feed")
    shock = START + int(days * DAY * 0.6)
    world = _world(seed, shock)
    clock = SimulatedTime(world.start)
    home = Home(out / "home", loaded)
    engine = Engine(loaded, home, now=clock, patient=True, seed=seed)
    story = Story(world.start, shock, world.start + days * DAY)
    truth = Truth(engine, world, {loaded.name_of(one): one for one in loaded.of(Pipeline)})
    operator = Operator(engine, seed=seed)
    began = time.perf_counter()
    alone = _popularity_alone(out / "alone", seed, story)
    _live(engine, operator, world, clock, truth, story)
    proof = verify(loaded, operator.history, story.start, clock.now)
    waits = _latencies(engine, world, clock)
    lived = time.perf_counter() - began
    engine.close()
    found = figures(loaded, operator.history, home, truth, alone, story, proof, waits, lived, clock.now)
    home.close()
    leave(out, page(found, truth, alone, story), found)
    return found


def _popularity_alone(folder: Path, seed: int, story: Story) -> Worth:
    """Return what popularity earns in the same world, to the same people, where no model ever serves beside it."""
    loaded = load("millrace.systems.feed")
    world, clock = _world(seed, story.shock), SimulatedTime(story.start)
    home = Home(folder, loaded)
    engine = Engine(loaded, home, now=clock, patient=True, seed=seed)
    worth = Worth(world)
    with bar_of_days() as bar:
        task = bar.add_task("", total=story.end - story.start, day=0.0, decisions=0, doing="the same world without a model")

        def seen(slice_: Slice) -> None:
            bar.update(task, completed=slice_.until - story.start, day=story.day(slice_.until), decisions=worth.requests)

        simulate(engine, None, world, clock, story.end, decided=worth.see, seen=seen)
    engine.close()
    home.close()
    return worth


def _world(seed: int, shock: int) -> FeedWorld:
    return FeedWorld(seed, viewers=_VIEWERS, requests_per_day=_REQUESTS_PER_DAY, videos=_VIDEOS, shock_at=shock)


def _live(engine: Engine, operator: Operator, world: Any, clock: SimulatedTime, truth: Truth, story: Story) -> None:
    """Run the world with a progress bar, and tell what the operator does as it does it."""
    with bar_of_days() as bar:
        task = bar.add_task("", total=story.end - story.start, day=0.0, decisions=0, doing="the feed")

        def tell(at: int, sentence: str) -> None:
            bar.console.print(f"day {story.day(at):5.2f}  {sentence}", soft_wrap=True)

        def seen(slice_: Slice) -> None:
            if slice_.since <= story.shock < slice_.until:
                tell(story.shock, "[bold]tastes change: a shock that nobody is told of")
            for sentence in slice_.done:
                if story.is_news(slice_.until, sentence):
                    tell(slice_.until, sentence)
                story.done.append((slice_.until, sentence))
            bar.update(task, completed=slice_.until - story.start, day=story.day(slice_.until), decisions=truth.worth.requests)

        simulate(engine, operator, world, clock, story.end, asked=truth.ask, decided=truth.see, seen=seen)


def _latencies(engine: Engine, world: Any, clock: SimulatedTime) -> Array:
    """Return how long single requests take, from question to logged answer, in milliseconds."""
    asked = world.requests(clock.now, clock.now + DAY)
    asked = take(asked, np.arange(min(_TIMED, size(asked))))
    requests = codec_of(engine.loaded.system.request).restore(asked)
    waits = []
    for request, at in zip(requests, asked["at"].tolist(), strict=True):
        clock.now = max(clock.now, at)
        began = time.perf_counter()
        engine.decide([request])
        waits.append((time.perf_counter() - began) * 1e3)
    return np.array(waits)
