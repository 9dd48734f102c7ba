"""Thumbnails lives some days in its world: what it believes of artworks follows the log, and what it loses while it learns falls."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from millrace.cli.main import main
from millrace.decision import Decision
from millrace.evaluation.off_policy import snips
from millrace.loading import load
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.operate.verify import verify
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.experiments import Registered
from millrace.training.attribution import join_keys, label
from millrace.types import DAY, HOUR, Array, Columns, objects, size, take
from millrace.worlds.thumbnails import ThumbnailsWorld
from millrace.worlds.world import START

SMALL = {"viewers": 120, "videos": 10, "artworks": 6, "artworks_per_day": 1, "requests_per_day": 900}


@dataclass
class Life:
    """Cards that are decided in a world, and what only the world knows about them."""

    engine: Engine
    operator: Operator
    world: ThumbnailsWorld
    time: SimulatedTime

    def until(self, day: float) -> None:
        """Live until so many days after the start, an hour at a time."""
        simulate(self.engine, self.operator, self.world, self.time, START + int(day * DAY), slice_length=HOUR)

    def decided(self, since: float, until: float, arm: str) -> Columns:
        """Return the rows of an arm's decisions between two days, as the world takes them."""
        rows = self.operator.history.decided(START + int(since * DAY), START + int(until * DAY))
        rows = take(rows, rows["arm"] == arm)
        return {**rows, "request": rows["id"]}

    def lost(self, since: float, until: float, arm: str) -> float:
        """Return the mean regret: by how much the best artwork was likelier to be clicked than the one shown."""
        rows = self.decided(since, until, arm)
        return float((self.world.best({**rows, "id": rows["request"]}) - self.world.value(rows)).mean())

    def decisions(self) -> list[Decision]:
        """Return what was decided since there were artworks: they become known in the first hour."""
        return [one for _, one in self.engine.home.log.decisions() if one.at > START + HOUR]

    def clicked(self, rows: Columns) -> Array:
        """Return the labels of rows as they are known now."""
        loaded, history, now = self.engine.loaded, self.operator.history, self.time.now
        (outcome,) = loaded.models["belief"].outcomes
        keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
        return label(outcome, rows, history.events(outcome.stream, now), keys, now)


@contextmanager
def living(folder: Path, world: ThumbnailsWorld) -> Iterator[Life]:
    loaded = load("millrace.systems.thumbnails")
    home, time = Home(folder, loaded), SimulatedTime(START)
    engine = Engine(loaded, home, now=time, patient=True)
    yield Life(engine, Operator(engine), world, time)
    engine.close()
    home.close()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with living(tmp_path_factory.mktemp("thumbnails"), ThumbnailsWorld(3, **SMALL)) as lived:
        lived.until(4)
        yield lived


def test_what_is_lost_falls_and_is_less_than_by_chance(life):
    first, last = life.lost(0, 0.5, "bandit"), life.lost(2, 4, "bandit")
    assert last < 0.7 * first
    assert last < 0.75 * life.lost(2, 4, "uniform")


def test_every_card_is_answered_before_anything_is_known_and_after(life):
    decisions = life.decisions()
    assert all(one.taken == 1 and one.missed == [] for one in decisions)
    assert decisions[0].release == ""
    champions = [one.champion for one in life.engine.home.releases.history("thumbnails")]
    assert decisions[-1].release == champions[-2], "the last one serves since the last decision"
    assert {one.action for one in life.engine.home.releases.history("thumbnails")} == {"update"}


def test_propensities_are_logged_and_nobody_is_without_a_chance(life):
    for one in life.decisions():
        chances = np.array(one.propensity, dtype=float)
        assert chances.sum() == pytest.approx(1)
        assert chances.min() >= 0.01 - 1e-9
        if one.arm == "uniform":
            assert chances == pytest.approx(np.full(len(chances), 1 / len(chances)))


def test_what_the_bandit_logged_tells_what_another_policy_would_earn(life):
    """Of showing any artwork alike, judged on the bandit's rows; the world knows how likely each is to be clicked, in time for most."""
    rows = life.decided(0, 3.9, "bandit")
    shown = {one.id: one for one in life.decisions()}
    many = np.array([len(shown[name].candidate) for name in rows["id"].tolist()])
    judged = snips(life.clicked(rows), rows["propensity"], 1 / many, unit=rows["viewer"])
    index = np.repeat(np.arange(size(rows)), many)
    each = {name: column[index] for name, column in rows.items()}
    each["candidate"] = objects(one for name in rows["id"].tolist() for one in shown[name].candidate)
    truth = 0.75 * float(np.average(life.world.value(each), weights=1 / many[index]))
    assert judged.low < truth < judged.high
    assert judged.high < 0.75 * life.world.value(rows).mean() * 1.2


def test_features_are_those_that_were_served(life):
    proof = verify(life.engine.loaded, life.operator.history, START, life.time.now)
    assert proof.mismatches == ()
    assert proof.values > 10_000


def test_before_enough_was_seen_the_bandit_shows_all_alike(life):
    """A uniform warm-up: the first hundred labelled cards say too little."""
    first = [one for one in life.decisions() if one.arm == "bandit"][:40]
    assert all(np.ptp(np.array(one.propensity)) < 1e-9 for one in first)
    last = [one for one in life.decisions() if one.arm == "bandit"][-40:]
    assert np.mean([max(one.propensity) for one in last]) > 0.4


def test_what_an_image_looks_like_is_a_feature_of_every_decision(life):
    last = life.decisions()[-1]
    looks = [values for name, values in last.features.items() if "glance" in name]
    assert len(looks) == 7
    assert all(0 <= one <= 1 for values in looks for one in values)


def test_its_experiment_is_planned_begun_read_and_ended_from_the_command_line(life, tmp_path, monkeypatch, capsys):
    def millrace(*words: str) -> str:
        line = ["millrace", "experiment", *words[:1], "millrace.systems.thumbnails", *words[1:], "--home", str(life.engine.home.folder)]
        monkeypatch.setattr(sys, "argv", line)
        monkeypatch.setenv("COLUMNS", "200")
        with suppress(SystemExit):
            main()
        return capsys.readouterr().out

    assert "what clicks per card shows" in millrace("plan")
    plan = Registered(
        hypothesis="Believing pays.",
        primary="clicks per card",
        arms=["uniform", "bandit"],
        shares=[0.2, 0.8],
        confidence=0.95,
        rule="anytime",
        planned=110,
    )
    # `start` puts it on record as of now; the life is long past.
    life.engine.home.experiments.start("thumbnails", "thumbnails.Experiment", plan, Change(START, "ada", "to know"))
    shown = millrace("status", "--page", str(tmp_path / "page.html"))
    assert "uniform (control)" in shown
    assert "clicks per card (primary)" in shown
    assert "clicks per card" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "is over" in millrace("stop", "--why", "enough was seen")
    assert "is on record: it ends after 110 units" in millrace("start", "--hypothesis", "Believing pays.", "--units", "110")


@pytest.mark.slow
def test_after_tastes_turned_it_loses_no_more_than_before(tmp_path):
    larger = {**SMALL, "viewers": 150, "videos": 12, "requests_per_day": 1_200}
    with living(tmp_path, ThumbnailsWorld(3, **larger, change_at=START + 5 * DAY)) as lived:
        lived.until(10)
        before, turned, later = lived.lost(3, 5, "bandit"), lived.lost(5, 6, "bandit"), lived.lost(8, 10, "bandit")
        assert turned > 1.15 * before, "it is seen"
        assert later < 1.1 * before
