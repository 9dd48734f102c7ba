"""One training: a lesson per model, a release of those that passed, and the thresholds that go with them."""

import math
from pathlib import Path

import numpy as np
import pytest

from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.operate.learn import learn, threshold_of
from millrace.policy.act import Cost, Precision
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import HOUR, moment
from tests.operate.stall import START, Sorting, living, stall

NEVER = math.inf


def test_lesson_says_what_was_measured_and_its_version_knows_where_it_comes_from(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="30d")) as life:
        life.until(4)
        bench, now = life.engine, life.time.now
        release, (lesson,) = learn(bench, life.operator.history, now, 5, "a test")
        assert release is not None
        assert (lesson.model, lesson.passed, lesson.gate) == ("ranker", True, "auc")
        assert release.versions == {"ranker": lesson.version}
        record = bench.home.registry.get(lesson.version)
        first = bench.home.registry.versions("ranker")[0]
        assert record.lineage.parents == (first.version,)
        assert (record.lineage.known_until, record.lineage.created, record.lineage.seed) == (now, now, 5)
        assert record.lineage.rows > 100
        assert record.metrics["gate auc"] == lesson.challenger
        assert lesson.champion == pytest.approx(lesson.challenger)
        assert 0 < record.lineage.labels["any(Take) within 5m"] < record.lineage.rows


def test_the_same_files_are_the_same_version_and_the_same_release(tmp_path: Path) -> None:
    with living(tmp_path, stall(every="30d")) as life:
        life.until(0.8)
        one, _ = learn(life.engine, life.operator.history, life.time.now, 1, "a test")
        two, _ = learn(life.engine, life.operator.history, life.time.now, 1, "a test")
        assert one == two
        assert one is not None
        assert len(life.engine.home.registry.versions("ranker")) == 1


def test_nothing_learned_is_no_release(tmp_path: Path) -> None:
    with living(tmp_path, stall(Sorting(refused=(5,)), every="30d")) as life:
        life.until(4)
        release, (lesson,) = learn(life.engine, life.operator.history, life.time.now, 5, "a test")
        assert release is None
        assert (lesson.passed, lesson.reason, lesson.gate) == (False, "the log holds too little: wait for more", "")
        assert lesson.version == life.engine.home.releases.get(life.engine.standing.champion).versions["ranker"], "the champion stays"


def test_progress_is_told_of_every_model(tmp_path: Path) -> None:
    said: list[str] = []
    with living(tmp_path, stall(every="30d")) as life:
        life.until(1)
        learn(life.engine, life.operator.history, life.time.now, 5, "a test", said.append)
    assert said == ["training ranker"]


# ---- thresholds


def till(folder: Path, sure: bool) -> dict[str, float]:
    """Let payments be disputed, for sure when they are large or by chance; return the thresholds that are learned."""
    loaded = load("tests.serve.tiny_score")
    home = Home(folder, loaded)
    now = [START]
    engine = Engine(loaded, home, now=lambda: now[0], patient=True)
    payment, dispute = loaded.streams["Payment"], loaded.streams["Dispute"]
    g = np.random.default_rng(0)
    for batch in range(60):
        now[0] += 2 * HOUR
        cents = g.integers(1, 900, 8).tolist()
        engine.decide([payment(id=f"p{batch}-{n}", at=moment(now[0]), card=f"c{batch}-{n}", cents=one) for n, one in enumerate(cents)])
        bad = [n for n, one in enumerate(cents) if g.random() < ((one > 500) if sure else 0.1)]
        engine.ingest([dispute(at=moment(now[0]), payment=f"p{batch}-{n}") for n in bad])
    now[0] += 25 * HOUR
    release, (lesson,) = learn(engine, LogHistory(home.log, loaded), now[0], 0, "a test")
    engine.close()
    home.close()
    assert release is not None, lesson.reason
    return release.thresholds


def test_threshold_is_learned_where_the_precision_can_be_had(tmp_path: Path) -> None:
    found = till(tmp_path, sure=True)
    assert list(found) == ["scored.Act/refuse"]
    assert 0 < found["scored.Act/refuse"] < 1


def test_threshold_that_no_score_reaches_is_never(tmp_path: Path) -> None:
    assert till(tmp_path, sure=False) == {"scored.Act/refuse": NEVER}


def test_cost_is_cut_where_probabilities_break_even_whatever_the_rows_say() -> None:
    g = np.random.default_rng(0)
    score = g.random(50)
    label, once = (g.random(50) < 0.5).astype(float), np.ones(50)
    assert threshold_of(Cost(5, 120), score, label, once) == 0.04
    assert threshold_of(Cost(1, 1), score, label, once) == 0.5


def test_cost_is_learned_from_the_rows_where_scores_are_no_probabilities() -> None:
    score, label = np.array([9.0, 8.0, 3.0, -1.0]), np.array([1.0, 0.0, 1.0, 0.0])
    assert threshold_of(Cost(5, 120), score, label, np.ones(4)) == 3.0
    assert threshold_of(Cost(5, 4), score, label, np.ones(4)) == 9.0
    assert threshold_of(Cost(5, 4), score, label, np.array([1.0, 1.0, 50.0, 1.0])) == 3.0, "what an audit let through stands for many"


def test_precision_counts_audited_rows_for_all_they_stand_for() -> None:
    score, label = np.repeat([0.9, 0.6, 0.1], 200), np.repeat([1.0, 1.0, 0.0], 200)
    honest = np.arange(600) == 250  # one of the middle: alone it is 1 of 200, but it stands for fifty
    label[honest] = 0.0
    assert threshold_of(Precision(0.95), score, label, np.ones(600)) == 0.6
    assert threshold_of(Precision(0.95), score, label, np.where(honest, 50.0, 1.0)) == 0.9
