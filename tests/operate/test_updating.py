"""Beliefs follow the log between trainings: what is known by an instant, no more and no less, whoever computes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millrace.loading import load
from millrace.models.belief import SEEN
from millrace.models.learner import Examples
from millrace.operate.as_of import AsOf
from millrace.operate.loop import Operator
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout
from millrace.stores.versions import Lineage
from millrace.types import MINUTE, SECOND, moment, objects
from millrace.walk import digest

START = 1_767_268_800_000_000
GOOD = 0.7
"""The chance that somebody stops for `good`; for `bad` it is 0.2."""


@dataclass
class Stand:
    """The booth, its operator and its clock."""

    engine: Engine
    operator: Operator
    now: int
    visits: int = 0

    def visit(self, n: int, seed: int) -> list[Any]:
        """Let people come by, a second apart, and stop or not; return the decisions."""
        g, of = np.random.default_rng(seed), self.engine.loaded.streams
        decisions = []
        for _ in range(n):
            self.now += SECOND
            self.visits += 1
            person = f"p{self.visits}"
            (one,) = self.engine.decide([of["Visit"](id=f"v{self.visits}", at=moment(self.now), person=person)])
            if g.random() < (GOOD if one.candidate[0] == "good" else 0.2):
                self.engine.ingest([of["Stop"](at=moment(self.now), person=person, banner=one.candidate[0])])
            decisions.append(one)
        return decisions

    def step(self, to: int) -> list[str]:
        """Let the operator act so many minutes after the start."""
        self.now = START + to * MINUTE
        return self.operator.step(self.now)

    def belief(self) -> Any:
        """Return what serves."""
        return self.engine.versions.load(self.engine.home.releases.get(self.engine.standing.champion).versions["belief"])


@contextmanager
def standing(folder: Path, module: str = "tests.operate.booth") -> Iterator[Stand]:
    loaded = load(module)
    home = Home(folder, loaded)
    made = Stand.__new__(Stand)
    engine = Engine(loaded, home, now=lambda: made.now, patient=True)
    made.__init__(engine, Operator(engine), START)
    engine.ingest([loaded.streams["Banner"](id=one, side="front") for one in ("good", "bad")])
    yield made
    engine.close()
    home.close()


def seen(version: Any) -> list[float]:
    return version.score({"Banner.id": objects(["good", "bad"])})[SEEN].tolist()


def test_before_anything_is_known_it_answers_and_all_are_alike(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        first = stand.visit(20, 1)
        assert {one.release for one in first} == {""}
        assert all(one.propensity[0] == pytest.approx(0.5) for one in first)
        assert stand.step(5) == [], "no outcome's time is over"
        assert stand.engine.standing.champion is None


def test_it_learns_what_is_over_and_serves_it_at_once(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        stand.visit(100, 1)
        (said,) = stand.step(15)
        assert said == f"{stand.engine.standing.champion} serves: {stand.engine.installed.versions['belief']}"
        assert sum(seen(stand.belief())) == 100
        later = stand.visit(60, 2)
        assert {one.release for one in later} == {stand.engine.standing.champion}
        assert np.mean([one.candidate[0] == "good" for one in later]) > 0.8
        assert min(min(one.propensity) for one in later) >= 0.01
        assert stand.step(20) == [], "what came since is not over"
        stand.step(30)
        assert sum(seen(stand.belief())) == 160


def test_between_whole_multiples_nothing_changes(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        stand.visit(30, 1)
        assert stand.step(14) == [], "as of ten minutes after the start nobody's time was over"
        assert len(stand.step(15)) == 1
        champion = stand.engine.standing.champion
        assert stand.step(19) == []
        assert stand.engine.standing.champion == champion


def test_a_version_is_a_function_of_the_log_and_its_instant(tmp_path: Path) -> None:
    """One operator updates every time, another only once, a third after a restart: all believe the same, byte for byte."""
    with standing(tmp_path) as stand:
        for minute in range(5, 45, 5):
            stand.visit(40, minute)
            stand.step(minute)
        often = stand.belief()
        version = stand.engine.installed.versions["belief"]
        lineage = stand.engine.home.registry.get(version).lineage
        assert lineage.known_until == START + 40 * MINUTE
        assert lineage.rows == sum(seen(often))
        again = Operator(stand.engine)
        assert again.step(stand.now) == [], "the same belief is the same version, and it serves already"
        for name in ("often", "again"):
            made = (
                often if name == "often" else stand.engine.loaded.models["belief"].learner.load(stand.engine.home.registry.folder(version))
            )
            made.save(tmp_path / name)
        for path in (tmp_path / "often").iterdir():
            assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_a_decision_is_made_again_from_the_release_that_it_names(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        for minute in (15, 30, 45):
            made = stand.visit(50, minute)
            stand.step(minute)
        releases = stand.engine.home.releases
        then = next(one for one in releases.history("booth") if one.champion == made[-1].release)
        past = AsOf(stand.engine.loaded, stand.engine.home, made[-1].watermark, then)
        asked = stand.engine.loaded.streams["Visit"](id=made[-1].id, at=moment(made[-1].at), person=f"p{stand.visits}")
        (again,) = past.decide([asked])
        assert (again.candidate, again.propensity) == (made[-1].candidate, made[-1].propensity)


def test_what_is_trained_waits_for_its_training_and_both_stand_in_one_release(tmp_path: Path) -> None:
    with standing(tmp_path, "tests.operate.booth_trained") as stand:
        said = []
        for minute in range(5, 65, 5):
            stand.visit(40, minute)
            said += stand.step(minute)
        updated, trained = (
            next(n for n, one in enumerate(said) if word in one) for word in ("-0001-", "trained because of the first training")
        )
        assert updated < trained, "beliefs serve before there is a first training"
        assert [one.split(":")[0] for one in said[trained + 1 : trained + 2]] == ["ranker"], "a belief is not trained"
        versions = stand.engine.installed.versions
        assert versions["ranker"] == stand.engine.home.registry.versions("ranker")[0].version
        assert versions["booth.belief"] == stand.engine.home.registry.versions("booth.belief")[-1].version
        assert len(stand.engine.home.journal.runs("booth", kind="train")) == 1


def test_while_a_release_is_rolled_out_it_waits(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        stand.visit(50, 1)
        stand.step(15)
        home, seen_now = stand.engine.home, stand.engine.standing
        other = home.releases.create("booth", {}, stand.engine.loaded.hash, {}, Change(stand.now, "somebody", "a try"))
        beside = Rollout(release=other.id, step=0, share=0.5, started=stand.now)
        home.releases.roll_out(seen_now, beside, Change(stand.now, "somebody", "a try"))
        stand.engine.reload()
        stand.visit(50, 2)
        assert stand.operator.updating.step(START + 60 * MINUTE) == []
        home.releases.withdraw(home.releases.standing("booth"), Change(stand.now, "somebody", "enough"))
        stand.engine.reload()
        assert len(stand.operator.updating.step(START + 60 * MINUTE)) == 1
        assert sum(seen(stand.belief())) == 100


def test_of_many_versions_those_read_long_ago_are_read_anew(tmp_path: Path) -> None:
    with standing(tmp_path) as stand:
        home, model = stand.engine.home, stand.engine.loaded.models["belief"]
        blank = {"log_position": 0, "known_from": 0, "declaration": digest(model), "code": "1", "seed": 0, "rows": 1, "labels": {}}
        names = []
        for n in range(101):
            rows = {"Banner.id": objects(["good"])}
            version = model.learner.fit(Examples(rows, {model.heads[0]: np.ones(1)}, np.full(1, n + 1.0), np.zeros(1), np.zeros(1)), 0)
            lineage = Lineage(**blank, known_until=n, created=stand.now)
            names.append(home.registry.publish("belief", version.save, lineage, {}, {}).version)
        first = stand.engine.versions.load(names[0])
        assert stand.engine.versions.load(names[0]) is first
        assert [seen(stand.engine.versions.load(name))[0] for name in names] == list(range(1, 102))
        again = stand.engine.versions.load(names[0])
        assert again is not first
        assert seen(again) == seen(first)
