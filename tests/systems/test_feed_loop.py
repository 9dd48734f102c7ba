"""The feed lives eight days in its world: what it learns is worth more, a change of taste is noticed and learned, harm is taken back."""

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from lightgbm import Booster

from millrace import drop
from millrace.demo.truth import Truth
from millrace.evaluation.bootstrap import estimate
from millrace.experiments.contrast import contrast
from millrace.experiments.metric import PLAIN
from millrace.experiments.two_arms import two_arms
from millrace.loading import load
from millrace.models.gradient_boosting import GradientBoostingVersion
from millrace.monitors.performance import performance
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.operate.verify import verify
from millrace.operate.watch import look, recent
from millrace.policy.pipeline import Pipeline
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout, Standing
from millrace.systems.feed import Watch
from millrace.training.attribution import join_keys, label
from millrace.training.examples import gather
from millrace.types import DAY, EVER, HOUR, Array, Columns
from millrace.worlds.feed import START, FeedWorld

SMALL = {"viewers": 1_200, "videos": 400, "creators": 60, "uploads_per_day": 20, "requests_per_day": 1_600, "searches_per_day": 300}
TINY = {"viewers": 60, "videos": 120, "creators": 20, "uploads_per_day": 10, "requests_per_day": 160, "searches_per_day": 80}
SHOCK = START + 5 * DAY + 12 * HOUR
END = START + 8 * DAY + 12 * HOUR
SURE = msgspec.structs.replace(PLAIN, confidence=0.999)
"""An interval that holds in all lives but one in a thousand: another seed is no reason to fail."""


@dataclass
class Life:
    """A feed that is operated in a world, and what only the world knows about it."""

    folder: Path
    engine: Engine
    operator: Operator
    world: FeedWorld
    time: SimulatedTime
    truth: Truth

    def until(self, instant: int) -> None:
        """Live until an instant, an hour at a time."""
        ask, see = self.truth.ask, self.truth.see
        simulate(self.engine, self.operator, self.world, self.time, instant, slice_length=HOUR, asked=ask, decided=see)

    def standings(self, action: str = "") -> list[Standing]:
        """Return what changed in what serves, or the changes of one kind."""
        return [one for one in self.engine.home.releases.history("feed") if action in ("", one.action)]

    def rewards(self, since: int, until: int) -> tuple[Columns, Array, Array]:
        """Return the places shown in a time whose outcome is known: their rows, whether a model ranked them, whether they were finished."""
        loaded, now = self.engine.loaded, self.time.now
        rows = self.operator.history.decided(since, until)
        outcome = loaded.models["ranker"].outcomes[0]
        keys = join_keys(outcome, loaded.system.request, loaded.system.candidate)
        value = label(outcome, rows, self.operator.history.events(Watch, now), keys, now)
        known = ~np.isnan(value)
        return {name: column[known] for name, column in rows.items()}, is_ranked(rows["arm"])[known], value[known]


def is_ranked(arm: Array) -> Array:
    return np.array([str(one).split("/")[-1] == "ranked" for one in arm.tolist()], dtype=bool)


@contextmanager
def living(folder: Path, world: FeedWorld, *, now: int = START, seed: int = 1) -> Iterator[Life]:
    """Open the feed on a folder, or open it again."""
    loaded = load("millrace.systems.feed")
    home, time = Home(folder, loaded), SimulatedTime(now)
    engine = Engine(loaded, home, now=time, patient=True, seed=seed)
    truth = Truth(engine, world, {loaded.name_of(one): one for one in loaded.of(Pipeline)}, sample=10)
    yield Life(folder, engine, Operator(engine, seed=seed), world, time, truth)
    engine.close()
    home.close()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    """Eight days and a half, the tastes changing in the middle of the sixth."""
    with living(tmp_path_factory.mktemp("feed"), FeedWorld(1, shock_at=SHOCK, **SMALL)) as lived:
        lived.until(END)
        yield lived


# ---- what it learns


def test_what_the_model_ranks_is_truly_worth_more_than_what_is_popular(life):
    """Both policies are asked about the same requests, of which one gets an answer; the world says what each answer is worth."""
    first, *_ = life.standings("promote")
    pairs = [one.policies for one in life.truth.samples if one.at > first.at]
    ahead = np.array([each["ranked"] - each["popular"] for each in pairs])
    assert len(ahead) > 100
    assert ahead.mean() > 3 * ahead.std() / len(ahead) ** 0.5
    assert ahead.mean() > 0.05 * np.mean([each["popular"] for each in pairs])


def test_measured_interval_holds_the_true_lift(life):
    first = life.standings("promote")[0].at
    rows, ranked, finished = life.rewards(first, END)
    found = contrast("completions", *two_arms(finished, ranked, cluster=rows["viewer"]).figures("completions"), SURE)
    true = life.truth.worth.mean(first, "ranked") / life.truth.worth.mean(first, "popular") - 1
    assert found.relative_low < true < found.relative_high
    assert found.relative_high - found.relative_low < 0.42
    assert min(found.control.units, found.treatment.units) > 200


def test_before_there_is_a_model_popularity_answers_and_both_arms_are_worth_the_same(life):
    first = life.standings("promote")[0].at
    assert 3 * DAY < first - START < 3 * DAY + 8 * HOUR
    rows, ranked, finished = life.rewards(START, first)
    assert set(rows["policy"]) == {"popular"}
    found = contrast("completions", *two_arms(finished, ranked, cluster=rows["viewer"]).figures("completions"), SURE)
    assert found.low < 0 < found.high


def test_every_value_that_was_served_comes_out_of_the_log_again(life):
    proof = verify(life.engine.loaded, life.operator.history, START, life.time.now)
    assert proof.mismatches[:3] == ()
    assert proof.decisions > 1_000
    assert proof.values > 100_000


# ---- tastes change


def test_change_of_taste_is_noticed_within_a_day_unless_what_was_due_learned_it_before(life):
    at = np.array([alert.at for alert in life.engine.home.journal.alerts("feed")])
    assert len(set(at[(at > SHOCK - DAY) & (at < SHOCK)].tolist())) <= 1, "of eight looks one may be mistaken"
    trained = [run.started for run in life.engine.home.journal.runs("feed", kind="train") if run.started > SHOCK]
    assert min([*at[at > SHOCK].tolist(), *trained]) - SHOCK < DAY


def test_release_that_learned_the_new_tastes_serves_soon_after(life):
    assert renewed(life) - SHOCK < 2 * DAY
    rows, ranked, _ = life.rewards(renewed(life) + HOUR, END)
    assert set(rows["policy"][ranked]) == {"ranked"}
    assert min(learned_until(life, release) for release in set(rows["release"])) > SHOCK


def renewed(life: Life) -> int:
    """Return when a release began to serve everyone whose ranker had seen the new tastes."""
    return next(one.at for one in life.standings("promote") if learned_until(life, one.champion) > SHOCK)


def learned_until(life: Life, release: str) -> int:
    """Return what the ranker of a release had known before it was fitted."""
    home = life.engine.home
    return home.registry.get(home.releases.get(release).versions["ranker"]).lineage.known_until


def test_regret_rises_when_tastes_change_and_falls_again(life):
    """It rises until what has learned them serves; in some lives that takes hours."""
    regret = life.truth.regret
    before, after, end = regret(SHOCK - 2 * DAY, SHOCK), regret(SHOCK, renewed(life)), regret(END - DAY, END)
    assert after > 1.15 * before
    assert end < 0.9 * after


# ---- nothing changes


@pytest.mark.slow
def test_metric_is_held_against_the_release_s_own_first_day_and_not_against_slates_that_another_chose(tmp_path):
    """The first version passes its gate on what popularity showed; what it ranks itself is harder to tell apart, and no worse for that."""
    fall, by_gate, by_first = drop("auc", 0.05), list[bool](), list[bool]()
    with living(tmp_path, FeedWorld(1, **SMALL)) as life:
        for hour in range(84, 124, 4):
            life.until(START + hour * HOUR)
            by_gate.append(has_fallen_since_the_gate(life, 0.05))
            seen = look(life.engine, life.operator.history, fall, life.time.now)
            by_first += [seen.alarm] if seen is not None else []
        assert len(life.standings("promote")) == 1
        assert life.engine.home.journal.alerts("feed", monitor="drop of auc") == []
    assert by_gate[:3] == [True, True, True]
    assert by_first == [False] * 2


def has_fallen_since_the_gate(life: Life, by: float) -> bool:
    """Return whether the served version's area under the curve lies below what its gate said, on all that was decided lately."""
    engine, model = life.engine, life.engine.loaded.models["ranker"]
    version = engine.home.releases.get(str(engine.standing.champion)).versions["ranker"]
    at_gate = engine.home.registry.get(version).metrics[f"auc of {model.heads[0]}"]
    found = estimate("auc", *recent(engine, life.operator.history, model, model.outcomes[0], DAY, life.time.now), seed=0, resamples=200)
    return performance("auc", (at_gate, 0.0), (found.value, (found.high - found.low) / 3.92), by).alarm


# ---- harm is taken back


@pytest.fixture(scope="module")
def spoiled(life: Life, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Life, str]]:
    """The same feed, started again from a copy of its folder, where somebody releases the champion's ranker upside down."""
    folder = shutil.copytree(life.folder, tmp_path_factory.mktemp("spoiled") / "feed")
    with living(folder, life.world, now=life.time.now) as after:
        while after.engine.standing.rollout is not None:
            after.until(after.time.now + HOUR)
        bad = plant(after)
        after.until(after.time.now + 18 * HOUR)
        yield after, bad


def plant(life: Life) -> str:
    """Begin to roll out the champion with a ranker that prefers what the champion's dislikes; return the release."""
    home, seen = life.engine.home, life.engine.standing
    champion = home.releases.get(seen.champion)
    good = life.engine.load(champion.versions["ranker"])
    bad = GradientBoostingVersion.of(good.encoding, {head: upside_down(text) for head, text in good.texts.items()})
    lineage = home.registry.get(champion.versions["ranker"]).lineage
    record = home.registry.publish("ranker", bad.save, lineage, {}, {})
    change = Change(at=life.time.now, who="somebody", why="it looked good on their machine")
    release = home.releases.create("feed", {**champion.versions, "ranker": record.version}, life.engine.loaded.hash, {}, change)
    home.releases.roll_out(seen, Rollout(release=release.id, step=0, share=0.5, started=life.time.now), change)
    return release.id


def upside_down(text: str) -> str:
    """Return trees whose every leaf says the opposite: a chance of p becomes 1 - p."""
    booster = Booster(model_str=text)
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        for leaf in range(tree["num_leaves"]):
            booster.set_leaf_output(number, leaf, -booster.get_leaf_output(number, leaf))
    return booster.model_to_string()


def test_bad_release_is_taken_back_within_hours_and_never_serves_everyone(spoiled):
    after, bad = spoiled
    [planted] = [one for one in after.standings("roll out") if one.candidate == bad]
    withdrawn = next(one for one in after.standings("withdraw") if one.revision > planted.revision)
    assert withdrawn.revision == planted.revision + 1
    assert withdrawn.who == "guard"
    assert withdrawn.at - planted.at <= 12 * HOUR
    assert bad not in {one.champion for one in after.standings()}


def test_bad_release_was_served_to_its_share_only_and_was_truly_worse(spoiled):
    after, bad = spoiled
    [planted] = [one for one in after.standings("roll out") if one.candidate == bad]
    withdrawn = next(one for one in after.standings("withdraw") if one.revision > planted.revision)
    rows, ranked, finished = after.rewards(planted.at, withdrawn.at)
    hers = rows["release"] == bad
    assert 0.15 < hers[ranked].mean() < 0.85  # a half of the viewers, few of whom come in the hours it takes
    assert finished[hers].mean() < finished[ranked & ~hers].mean()
    later, *_ = after.rewards(withdrawn.at, after.time.now)
    assert len(later["release"]) > 1_000
    assert bad not in set(later["release"])


def test_version_taken_back_is_rejected_and_said_to_be(spoiled):
    after, bad = spoiled
    home = after.engine.home
    assert home.registry.get(home.releases.get(bad).versions["ranker"]).stage == "rejected"
    assert any(alert.monitor == "guard" and bad in alert.message for alert in home.journal.alerts("feed", since=END))


# ---- again


def test_same_seed_lives_the_same_life(tmp_path):
    lives = []
    for number in range(2):
        random.seed(number)
        np.random.seed(number)
        with living(tmp_path / str(number), FeedWorld(3, **TINY), seed=3) as one:
            one.until(START + 3 * DAY + 8 * HOUR)
            lives.append(remembered(one))
    assert lives[0].keys() == lives[1].keys() == {"examples of nearby", "examples of ranker", "versions", "decisions"}
    for name in lives[0]:
        assert lives[0][name] == lives[1][name], name


def remembered(life: Life) -> dict[str, Any]:
    """Return all that a life leaves: the examples each model would learn from, to the byte, the versions, and every decision."""
    loaded, now, home = life.engine.loaded, life.time.now, life.engine.home
    out: dict[str, Any] = {}
    for name, model in loaded.models.items():
        material = gather(model, loaded.system.request, loaded.system.candidate, life.operator.history, EVER, now)
        found = material.examples(np.ones(len(material.rows["at"]), dtype=bool), now)
        assert len(found) > 100
        columns = {**found.rows, **found.labels, "weight": found.weight, "group": found.group, "at": found.at}
        out[f"examples of {name}"] = {column: exactly(values) for column, values in columns.items()}
    out["versions"] = [record.content for name in loaded.models for record in home.registry.versions(name)]
    out["decisions"] = [(known, msgspec.json.encode(decision)) for known, decision in home.log.decisions("feed")]
    assert len(out["versions"]) == 2
    assert any(b"ranker" in text or b'"policy":"ranked"' in text for _, text in out["decisions"])
    return out


def exactly(column: Array) -> bytes:
    return msgspec.json.encode(column.tolist()) if column.dtype == object else column.tobytes()
