"""Training and the gate: who learns from what, who is judged on what, and who may go out."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from millrace import GradientBoosting, Logistic, Model, NotWorse, outcome
from millrace.decision import Decisions
from millrace.errors import TrainingError
from millrace.models.declare import POSITION
from millrace.models.learner import Examples
from millrace.policy.stages import Score
from millrace.serve.facts import Installed, LiveFacts
from millrace.training.examples import Material, gather
from millrace.training.train import Challenger, Champion, train
from millrace.types import HOUR, Array, Columns, objects, size, take
from tests.training.diary import START, Diary, diary, kiosk, model, read, write
from tests.training.kiosk import Paper, Read, long, opened, reads
from tests.training.test_examples import bytes_of

GATE = NotWorse("auc")


@dataclass(frozen=True, eq=False)
class Watched:
    """A learner that keeps what it was given."""

    inner: Any = field(default_factory=Logistic)
    seen: list[Examples] = field(default_factory=list)

    def fit(self, examples: Examples, seed: int) -> Any:
        self.seen.append(examples)
        return self.inner.fit(examples, seed)


@dataclass(frozen=True)
class Shuffling:
    """A learner that learns from labels that belong to other rows: a fault that a gate is there for."""

    inner: Any = field(default_factory=Logistic)

    def fit(self, examples: Examples, seed: int) -> Any:
        g = np.random.default_rng(seed)
        labels = {head: column[g.permutation(len(column))] for head, column in examples.labels.items()}
        return self.inner.fit(replace(examples, labels=labels), seed)


@dataclass(frozen=True)
class Asked:
    """A version that keeps what it was asked."""

    inner: Any
    seen: list[Columns] = field(default_factory=list)

    def score(self, rows: Columns) -> Columns:
        self.seen.append(rows)
        return self.inner.score(rows)


def reader(learner: Any, position: bool = False) -> Model:
    """Return a model of what is opened."""
    return Model(opened, features=[Paper.quality, reads, long], learner=learner, position=position)


def material(told: Diary, learner: Any, **others: Any) -> Material:
    return gather(reader(learner, **others), kiosk().system.request, kiosk().system.candidate, told, START, told.end)


def files(challenger: Challenger, folder: Path) -> Mapping[str, bytes]:
    """Return the files of a version, by their path."""
    challenger.version.save(folder)
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ---- determinism


@pytest.mark.parametrize("name", ["ranker", "finder", "critic"])
def test_model_files_are_the_same_bytes_again_reopened_and_compacted(name: str, tmp_path: Path) -> None:
    write(diary(300), tmp_path / "log")
    found = []
    for number in range(2):
        log, history = read(tmp_path / "log")
        end = log.last_known + 1
        for again in range(2):
            gathered = gather(model(name), kiosk().system.request, kiosk().system.candidate, history, START, end)
            found.append(files(train(gathered, end, GATE, seed=7), tmp_path / f"{number}-{again}"))
        log.compact(slice_rows=53, fan_in=2)
        log.close()
    assert found[0]
    assert all(one == found[0] for one in found)


# ---- who learns from what


def test_the_earlier_fit_sees_what_a_log_that_ends_at_the_split_would_give() -> None:
    """Neither rows nor labels nor features of later days: the very bytes are those of the truncated log."""
    told, learner = diary(400), Watched()
    challenger = train(material(told, learner), told.end, GATE, seed=0)
    first, second = learner.seen
    split = challenger.split.at
    then = told.until(split)
    before = gather(reader(learner), kiosk().system.request, kiosk().system.candidate, then, START, split)
    assert bytes_of(first) == bytes_of(before.examples(np.ones(size(before.rows), dtype=bool), split))
    assert first.at.max() < challenger.later[0].at.min()
    assert len(second) == challenger.rows == len(first) + len(challenger.later[0]), "no labelled row is left to neither side"
    assert set(first.at) & set(challenger.later[0].at) == set()


def test_what_did_not_pass_is_not_fitted_again() -> None:
    told, learner = diary(600), Watched(Shuffling())
    good = train(material(told, Logistic()), told.end, GATE, seed=0)
    challenger = train(material(told, learner), told.end, GATE, seed=0, champion=Champion(good.version, START))
    assert not challenger.verdict.passed
    assert len(learner.seen) == 1
    assert challenger.rows == len(learner.seen[0])
    assert challenger.positives == {opened.column: float(learner.seen[0].labels[opened.column].sum())}


# ---- the gate


def gated(learner: Any, champion: Any, told: Diary, gate: NotWorse = GATE, learned_until: int = START) -> Challenger:
    return train(material(told, learner), told.end, gate, seed=3, champion=Champion(champion, learned_until))


@pytest.fixture(scope="module")
def told() -> Diary:
    return diary(1500)


@pytest.fixture(scope="module")
def champion(told: Diary) -> Any:
    return train(material(told, Logistic()), told.end, GATE, seed=0).version


@pytest.mark.parametrize("metric", ["auc", "pr_auc", "ndcg@10", "log_loss"])
def test_challenger_that_learned_from_shuffled_labels_is_refused(metric: str, told: Diary, champion: Any) -> None:
    verdict = gated(Shuffling(), champion, told, NotWorse(metric)).verdict
    assert not verdict.passed
    assert verdict.reason.startswith(f"worse: {metric} ")
    assert "later rows, the difference lies in [" in verdict.reason


@pytest.mark.parametrize("metric", ["auc", "pr_auc", "ndcg@10", "log_loss"])
def test_challenger_that_is_the_champion_passes(metric: str, told: Diary) -> None:
    earlier = Watched()
    train(material(told, earlier), told.end, GATE, seed=0)
    same = Logistic().fit(earlier.seen[0], 0)
    verdict = gated(Logistic(), same, told, NotWorse(metric)).verdict
    assert (verdict.passed, verdict.low, verdict.high) == (True, 0.0, 0.0)
    assert verdict.champion == verdict.challenger


def test_challenger_that_is_about_as_good_passes_and_a_margin_lets_a_worse_one_through(told: Diary, champion: Any) -> None:
    assert gated(GradientBoosting(trees=20, min_rows=10, patience=None), champion, told).verdict.passed
    assert gated(Shuffling(), champion, told, NotWorse("auc", margin=0.9)).verdict.passed


def test_the_first_version_passes_and_says_what_it_is_worth(told: Diary) -> None:
    verdict = train(material(told, Logistic()), told.end, GATE, seed=0).verdict
    assert verdict.passed
    assert verdict.reason == f"the first version: auc {verdict.challenger:.4f} on later rows"
    assert 0.7 < verdict.challenger < 1
    assert np.isnan(verdict.champion)


def test_champion_is_judged_only_on_rows_newer_than_what_it_learned_from() -> None:
    told = diary(5200, shown=2)
    version = train(material(told, Logistic()), told.end, GATE, seed=0).version
    usual = train(material(told, Logistic()), told.end, GATE, seed=0).split.at
    for share, moves in ((0.5, False), (0.93, True)):
        asked, until = Asked(version), int(np.quantile(told.rows["at"], share))
        challenger = gated(Logistic(), asked, told, learned_until=until)
        assert challenger.split.at == (until if moves else usual)
        assert challenger.later[0].at.min() + opened.window >= challenger.split.at, "what it was decided on had no label then"
        assert [size(rows) for rows in asked.seen] == [len(challenger.later[0])]


def test_weeks_that_an_outcome_takes_are_left_to_neither_side() -> None:
    """Outcomes that take half of the diary: what was decided before the champion learned, and known since, is what it is judged on."""
    told = diary(6000, shown=2)
    slow = outcome(Read, within=f"{int((told.end - START) / 2 / HOUR)}h")
    of = Model(slow, features=[Paper.quality, reads, long], learner=Watched())
    gathered = gather(of, kiosk().system.request, kiosk().system.candidate, told, START, told.end)
    week = START + int((told.end - START) * 0.955)
    asked = Asked(train(gathered, week, GATE, seed=0).version)
    challenger = train(gathered, told.end, GATE, seed=0, champion=Champion(asked, week))
    earlier, later = of.learner.seen[-2] if challenger.verdict.passed else of.learner.seen[-1], challenger.later[0]
    assert challenger.split.at == week
    assert len(later) >= 500
    assert later.at.max() < week, "no decision since the champion learned has a label yet"
    assert earlier.at.max() + slow.window < week <= later.at.min() + slow.window
    labels = gathered.labels(week)[slow.column]
    assert np.isnan(labels[np.isin(told.rows["at"], later.at)]).all(), "what was known of it, the champion did not know"
    assert [size(rows) for rows in asked.seen] == [len(later)]


def test_champion_is_not_judged_while_too_little_is_newer(told: Diary, champion: Any) -> None:
    asked = Asked(champion)
    until = int(np.quantile(told.rows["at"], 0.95))
    with pytest.raises(
        TrainingError, match="rows were labelled since the champion learned, 500 are needed to judge a challenger: wait for more"
    ):
        gated(Logistic(), asked, told, learned_until=until)
    assert asked.seen == []


def test_retriever_is_gated_by_what_it_would_have_proposed() -> None:
    told = diary(500)
    finder = told.gather("finder")
    first = train(finder, told.end, GATE, seed=0)
    assert first.verdict.metric == "recall@100"
    assert first.metrics == {"recall@100": first.verdict.challenger}
    assert train(finder, told.end, GATE, seed=0, champion=Champion(first.version, START)).verdict.passed

    class Mute:
        def recall(self, queries: Array, take: int) -> Columns:
            return {"request": np.zeros(0, dtype=np.int64), "candidate": objects([])}

    @dataclass(frozen=True)
    class Muting:
        def fit(self, examples: Examples, seed: int) -> Any:
            return Mute()

    muted = replace_learner(finder, Muting())
    verdict = train(muted, told.end, GATE, seed=0, champion=Champion(first.version, START)).verdict
    assert not verdict.passed
    assert verdict.reason.startswith("worse: recall@100 0.0000 against the champion's")


def replace_learner(gathered: Material, learner: Any) -> Material:
    of = gathered.model
    return replace(gathered, model=Model(*of.outcomes, features=of.features, learner=learner, examples=of.examples))


# ---- too little to learn from


def without_reads(told: Diary, kept: int = 0) -> Diary:
    return Diary({**told.streams, "Read": take(told.streams["Read"], slice(0, kept))}, told.rows, told.end)


@pytest.mark.parametrize("learner", [Logistic(), GradientBoosting(trees=5)])
def test_no_positives_are_refused_with_the_outcome_and_the_counts(learner: Any) -> None:
    told = without_reads(diary(200))
    with pytest.raises(TrainingError, match=r"any\(Read\) within 10m.*(no|0) positive|0 are positive|positives"):
        train(material(told, learner), told.end, GATE, seed=0)


def test_positives_only_among_the_earlier_rows_cannot_be_judged_on() -> None:
    told = without_reads(diary(300), kept=40)
    with pytest.raises(
        TrainingError, match=r"the later rows hold \d+ labels of any\(Read\) within 10m, all alike: there is nothing to judge"
    ):
        train(material(told, Logistic()), told.end, GATE, seed=0)


def test_log_without_a_label_yet_is_refused() -> None:
    told = diary(50).until(START + 61 * 60_000_000)
    with pytest.raises(TrainingError, match="no decision has a label yet"):
        train(gather(reader(Logistic()), kiosk().system.request, Paper, told, START, told.end), told.end, GATE, seed=0)


# ---- places


def test_place_is_learned_beside_the_features_and_rows_are_scored_for_the_best_place() -> None:
    """The worst papers stood first and were read for their place alone: who does not know the places takes quality for a fault."""
    told = diary(1500, pull=0.0, place=1.5, is_worst_first=True)
    n, fall = 30, {}
    for position in (False, True):
        learner = GradientBoosting(trees=40, patience=None)
        version = train(material(told, learner, position=position), told.end, GATE, seed=0).version
        papers = {Paper.quality.column: np.linspace(-1.5, 1.5, n), reads.column: np.full(n, 20), long.column: np.full(n, 0.4)}
        score = version.score(papers | ({POSITION: np.zeros(n)} if position else {}))[opened.column]
        fall[position] = float(score[:10].mean() - score[-10:].mean())
    assert fall[False] > 0.15
    assert abs(fall[True]) < fall[False] / 3


def test_rows_are_scored_for_the_first_place_only_by_models_that_learn_places() -> None:
    d = Decisions({"id": objects(["a"])}, {"request": np.zeros(2, dtype=np.int64), "candidate": objects(["p0", "p1"])})

    class View:
        def lookup(self, features: Any, d: Decisions, watermark: int) -> dict[str, Array]:
            return {one.column: np.ones(2) for one in features}

    for position in (True, False):
        asked = Asked(type("Fixed", (), {"score": lambda self, rows: {opened.column: np.zeros(2)}})())
        stage = Score(reader(Logistic(), position=position))
        facts = LiveFacts(View(), 0, {id(stage.model): "m"}, Installed("", {"m": "v"}), lambda _, asked=asked: asked)  # type: ignore[arg-type]
        done = stage.apply(d, facts)
        assert (POSITION in asked.seen[0]) is position
        assert asked.seen[0].get(POSITION, np.zeros(2)).tolist() == [0.0, 0.0]
        assert POSITION not in done.rows, "the place is not a feature that was served"
