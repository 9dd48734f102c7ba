"""Let the bandit of `thumbnails` live some days in its world, with progress to watch, and leave a page and the figures behind."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

from millrace.demo.story import Story
from millrace.demo.telling import bar_of_days, leave
from millrace.demo.thumbnails_cards import look_back
from millrace.demo.thumbnails_figures import BanditFigures, bandit_figures
from millrace.demo.thumbnails_mind import Mind, telling_card
from millrace.demo.thumbnails_page import bandit_page
from millrace.loading import load
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, Slice, simulate
from millrace.policy.pipeline import Pipeline
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import DAY, HOUR, Columns, size
from millrace.worlds.thumbnails import START, ThumbnailsWorld

_LATER = 0.25
"""The share of clicks that come too late to be learned from."""


def run(out: Path, *, days: int, seed: int, viewers: int = 150, videos: int = 12, cards_per_day: int = 1_200) -> BanditFigures:
    """Run the demonstration and write `index.html` and `summary.json` into a folder.

    Args:
        out: The folder; what an earlier run left there is replaced.
        days: How many simulated days, at least 2; tastes turn when half of them are over.
        seed: Of the world and of everything drawn.
        viewers: How many viewers there are.
        videos: How many videos there are, of six artworks each at the start.
        cards_per_day: How many cards are shown each day, about.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    loaded = load("millrace.systems.thumbnails")
    story = Story(START, START + days * DAY // 2, START + days * DAY)
    size_ = {"viewers": viewers, "videos": videos, "artworks": 6, "artworks_per_day": 1, "requests_per_day": cards_per_day}
    world = ThumbnailsWorld(seed, **size_, later=_LATER, change_at=story.shock)
    clock = SimulatedTime(world.start)
    home = Home(out / "home", loaded)
    engine = Engine(loaded, home, now=clock, patient=True, seed=seed)
    operator = Operator(engine, seed=seed)
    bandit = next(one for one in loaded.of(Pipeline) if loaded.name_of(one) == "artful")
    mind = Mind(engine, bandit, world, telling_card(world, story.shock), 1 - _LATER)
    began = time.perf_counter()
    _live(engine, operator, world, clock, mind, story)
    cards = look_back(loaded, operator.history, home.log, world, story.shock)
    artworks = operator.history.events(loaded.streams["Artwork"], clock.now + 1)
    moods = dict(zip(artworks["id"].tolist(), artworks["mood"].tolist(), strict=True))
    engine.close()
    home.close()
    found = bandit_figures(cards, mind.beliefs, moods, story, 1 - _LATER, time.perf_counter() - began)
    leave(out, bandit_page(found, cards, mind, story), found)
    return found


def _live(engine: Engine, operator: Operator, world: ThumbnailsWorld, clock: SimulatedTime, mind: Mind, story: Story) -> None:
    """Run the world with a progress bar."""
    decided = 0
    with bar_of_days() as bar:
        task = bar.add_task("", total=story.end - story.start, day=0.0, decisions=0, doing="the bandit")

        def counted(requests: Columns, _rows: Columns) -> None:
            nonlocal decided
            decided += size(requests)

        def seen(slice_: Slice) -> None:
            if slice_.since <= story.shock < slice_.until:
                bar.console.print(f"day {story.day(story.shock):5.2f}  [bold]tastes turn: nobody is told", soft_wrap=True)
            bar.update(task, completed=slice_.until - story.start, day=story.day(slice_.until), decisions=decided)

        simulate(engine, operator, world, clock, story.end, slice_length=HOUR, asked=mind.ask, decided=counted, seen=seen)
