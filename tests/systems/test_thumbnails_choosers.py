"""The bandits that thumbnails could be instead, by a line changed each: LinUCB and an epsilon-greedy one, in the same world."""

from __future__ import annotations

from pathlib import Path

import pytest

import millrace.systems.thumbnails as system
from millrace.loading import load
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import DAY, HOUR
from millrace.worlds.thumbnails import ThumbnailsWorld
from millrace.worlds.world import START
from tests.systems.test_thumbnails_loop import SMALL, Life

CHOSEN, LEARNED = "Thompson(floor=0.01, warmup=100)", 'LogisticBelief(decay="3d")'


def module(folder: Path, chooser: str, learner: str) -> Path:
    """Write the system down with another chooser and another learner."""
    text = Path(system.__file__).read_text(encoding="utf-8")
    assert text.count(CHOSEN) == text.count(LEARNED) == 1
    text = text.replace(CHOSEN, chooser).replace(LEARNED, learner)
    text = text.replace("    LogisticBelief,\n", f"    {learner.partition('(')[0]},\n").replace(
        "    Thompson,\n", f"    {chooser.partition('(')[0]},\n"
    )
    path = folder / "thumbnails.py"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chooser", "learner"),
    [
        pytest.param(CHOSEN, LEARNED, id="thompson"),
        pytest.param("UCB(floor=0.01, warmup=100)", 'LinearBelief(decay="3d")', id="linucb"),
        pytest.param("UCB(floor=0.01, warmup=100)", 'LinearBelief(decay="3d", per=Artwork.mood)', id="linucb of arms of their own"),
        pytest.param("EpsilonGreedy(epsilon=0.1, floor=0.01, warmup=100)", LEARNED, id="epsilon-greedy"),
    ],
)
def test_what_any_of_them_loses_falls_far_below_chance(tmp_path: Path, chooser: str, learner: str) -> None:
    loaded = load(str(module(tmp_path, chooser, learner)))
    home, time = Home(tmp_path / "home", loaded), SimulatedTime(START)
    engine = Engine(loaded, home, now=time, patient=True)
    life = Life(engine, Operator(engine), ThumbnailsWorld(3, **SMALL), time)
    simulate(engine, life.operator, life.world, time, START + 4 * DAY, slice_length=HOUR)
    first, last, chance = life.lost(0, 0.5, "bandit"), life.lost(2, 4, "bandit"), life.lost(2, 4, "uniform")
    chances = [min(one.propensity) for one in life.decisions()]
    engine.close()
    home.close()
    print(f"lost a card: {first:.4f} at first, {last:.4f} at last, {chance:.4f} by chance")
    assert last < first
    assert last < 0.75 * chance
    assert min(chances) >= 0.01 - 1e-9, "any policy can be judged on its log"
