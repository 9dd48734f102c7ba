"""Fraud lives ten weeks in its world: rules decide until labels that come weeks late have taught a model, which then earns more."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from lightgbm import Booster

from millrace.features.offline import backfill
from millrace.loading import load
from millrace.models.gradient_boosting import GradientBoostingVersion
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime, simulate
from millrace.operate.verify import verify
from millrace.serve.engine import Engine
from millrace.serve.explain import explain
from millrace.serve.home import Home
from millrace.stores.audit import Change
from millrace.stores.standing import Rollout, Standing
from millrace.systems.fraud import Verdict, suspicious
from millrace.training.examples import gather
from millrace.types import DAY, EVER, HOUR, Array, Columns, objects, size, take
from millrace.worlds.fraud import FraudWorld
from millrace.worlds.world import START

SMALL = {"cards": 1_600, "merchants": 200, "payments_per_day": 800, "fraud_share": 0.015}
END = START + 75 * DAY


@dataclass
class Life:
    """Payments that are decided in a world, and what only the world knows about them."""

    folder: Path
    engine: Engine
    operator: Operator
    world: FraudWorld
    time: SimulatedTime

    def until(self, instant: int) -> None:
        """Live until an instant, three hours at a time."""
        simulate(self.engine, self.operator, self.world, self.time, instant, slice_length=3 * HOUR)

    @property
    def serves_since(self) -> int:
        """When the first release began to serve."""
        return next(one.at for one in self.standings("promote"))

    def standings(self, action: str = "") -> list[Standing]:
        """Return what changed in what serves, or the changes of one kind."""
        return [one for one in self.engine.home.releases.history("fraud") if action in ("", one.action)]

    def decided(self, since: int, until: int) -> Columns:
        """Return what was decided in a time, a row per payment."""
        return self.operator.history.decided(since, until)

    def money(self, rows: Columns, action: Array | None = None) -> Array:
        """Return the true money of the actions taken, or of others, in the currency."""
        told = {"request": rows["id"], "action": rows["action"] if action is None else action}
        return self.world.value(told)

    def ruled(self, rows: Columns) -> Array:
        """Return what the rules would have done, had they decided."""
        score = backfill(self.engine.loaded.plan, [suspicious], rows, self.operator.history.events)[suspicious.column]
        return np.select([score >= 0.9, score >= 0.5], objects(["decline", "review"])[:, None], "approve")

    def labels(self) -> tuple[Columns, Array, Array]:
        """Return every payment's row, and whether it was charged back and whether judged fraudulent, as training knows it now."""
        loaded, now = self.engine.loaded, self.time.now
        material = gather(loaded.models["risk"], loaded.system.request, None, self.operator.history, EVER, now)
        charged, judged = material.labels(now).values()
        return material.rows, charged, judged


@contextmanager
def living(folder: Path, world: FraudWorld, now: int = START) -> Iterator[Life]:
    """Open fraud on a folder, or open it again."""
    loaded = load("millrace.systems.fraud")
    home, time = Home(folder, loaded), SimulatedTime(now)
    engine = Engine(loaded, home, now=time, patient=True)
    yield Life(folder, engine, Operator(engine), world, time)
    engine.close()
    home.close()


@pytest.fixture(scope="module")
def life(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Life]:
    with living(tmp_path_factory.mktemp("fraud"), FraudWorld(7, **SMALL)) as lived:
        lived.until(END)
        yield lived


# ---- the release


def test_rules_decide_until_a_release_serves_and_it_decides_from_then_on(life):
    first = life.serves_since
    assert START + (21 + 36) * DAY <= first < START + 60 * DAY, "it waits for outcomes, and for enough of them"
    assert set(life.decided(START, first)["policy"]) == {"ruled"}
    later = life.decided(first + 3 * HOUR, END)
    assert set(later["policy"]) == {"scored"}
    assert set(later["release"]) == {one.champion for one in life.standings("promote")} | set(candidates(life))
    assert set(later["action"]) == {"approve", "review", "decline"}


def candidates(life: Life) -> list[str]:
    return [one.candidate for one in life.standings("roll out") if one.candidate]


def test_thresholds_are_those_at_which_the_costs_break_even_and_every_action_follows_them(life):
    release = life.engine.home.releases.get(life.standings("promote")[0].champion)
    assert release.thresholds == {"scored.Act/decline": 4 / 29, "scored.Act/review": 2 / 802}
    rows = life.decided(life.serves_since + 3 * HOUR, END)
    natural = np.select([rows["score"] >= 4 / 29, rows["score"] >= 2 / 802], objects(["decline", "review"])[:, None], "approve")
    audited = rows["action"] != natural
    assert set(rows["action"][audited]) == {"approve"}
    np.testing.assert_array_equal(rows["propensity"][audited], 0.02)
    assert 0.005 < audited.sum() / (natural != "approve").sum() < 0.06
    assert set(rows["propensity"][~audited & (natural != "approve")]) == {0.98}
    assert set(rows["propensity"][natural == "approve"]) == {1.0}


def test_model_earns_more_than_the_rules_would_have_and_no_more_than_who_knows_the_truth(life):
    rows = life.decided(life.serves_since + 3 * HOUR, END)
    assert size(rows) > 10_000
    earned, ruled, best = life.money(rows), life.money(rows, life.ruled(rows)), life.world.best(rows)
    assert earned.mean() > 1.05 * ruled.mean() > 0
    assert (earned <= best + 1e-9).all()
    reviewed = [(actions == "review").mean() for actions in (rows["action"], life.ruled(rows))]
    assert reviewed[0] < 0.6 * reviewed[1], "it troubles fewer honest customers and analysts"


def test_before_the_release_what_the_rules_did_is_what_they_would_have_done(life):
    """But for the audits: so the comparison above compares with what truly ran."""
    rows = life.decided(START, life.serves_since)
    agrees = rows["action"] == life.ruled(rows)
    assert agrees.mean() > 0.99
    np.testing.assert_array_equal(rows["propensity"][~agrees], 0.02)


# ---- labels


def test_payment_that_was_declined_is_never_labelled_and_one_under_review_only_judged(life):
    rows, charged, judged = life.labels()
    action, old = rows["action"], rows["at"] < END - 22 * DAY
    for one in ("approve", "review", "decline"):
        assert (action == one).sum() > 100
    assert np.isnan(charged[action != "approve"]).all()
    assert np.isnan(judged[action != "review"]).all()
    assert not np.isnan(charged[(action == "approve") & old]).any()
    assert np.isnan(charged[rows["at"] > END - 21 * DAY]).all(), "what is open is neither"
    assert 20 < np.nansum(charged) < 200


def test_what_an_audit_let_through_is_labelled_and_stands_for_what_was_hidden(life):
    loaded = life.engine.loaded
    material = gather(loaded.models["risk"], loaded.system.request, None, life.operator.history, EVER, END)
    approved = (material.rows["action"] == "approve") & (material.rows["at"] < END - 22 * DAY)
    stands = material.stands_for()[approved]
    assert set(np.round(stands, 9)) == {1.0, 50.0}
    decided = (material.rows["at"] < END - 22 * DAY).sum()
    assert stands.sum() == pytest.approx(decided, rel=0.03), "together they stand for every payment"


def test_every_payment_under_review_is_in_the_queue_until_its_verdict_comes(life):
    rows = life.decided(START, END)
    reviewed = take(rows, rows["action"] == "review")
    verdicts = life.operator.history.events(Verdict, END)
    assert set(verdicts["payment"]) <= set(reviewed["id"])
    waiting = ~np.isin(reviewed["id"], verdicts["payment"])
    assert 0 < waiting.sum() < 100
    assert reviewed["at"][waiting].min() > END - 5 * DAY


# ---- why


def test_decision_can_be_explained_by_a_model_and_by_rules(life):
    for since, until, policy in ((life.serves_since + DAY, END, "scored"), (START, life.serves_since, "ruled")):
        rows = life.decided(since, until)
        declined = str(rows["id"][rows["action"] == "decline"][-1])
        loaded, home = life.engine.loaded, life.engine.home
        said = explain(loaded, home.log, home.releases, life.engine.versions, declined)
        [taken] = said.taken
        assert said.decision["policy"] == policy
        assert said.decision["action"] == "decline"
        assert {"crowd", "familiar", "ring"} <= set(taken.values), "what it was decided on"
        if policy == "scored":
            assert said.unexplained == ""
            assert len(taken.reasons) == 5
            assert taken.reasons[0].adds > 0
        else:
            assert taken.values["suspicious"] == taken.score >= 0.9


def test_every_value_that_was_served_comes_out_of_the_log_again(life):
    proof = verify(life.engine.loaded, life.operator.history, START, END)
    rows = life.decided(START, END)
    assert proof.mismatches == ()
    assert proof.decisions == size(rows), "those that the rules decided among them"
    ruled = (rows["policy"] == "ruled").sum()
    assert proof.values == 4 * ruled + len(life.engine.loaded.models["risk"].features) * (size(rows) - ruled)


# ---- harm is taken back


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        pytest.param(lambda leaf: -leaf, "it takes 'decline' in ", id="everyone"),
        pytest.param(lambda leaf: leaf - 9, "it takes 'review' in 0.0%", id="no one"),
    ],
)
def test_release_that_stops_everyone_or_no_one_is_taken_back_long_before_its_labels_come(
    life: Life, spoil: Callable[[float], float], said: str, tmp_path: Path
) -> None:
    """Somebody releases the champion's model turned round, or one that suspects nothing."""
    folder = shutil.copytree(life.folder, tmp_path / "fraud")
    with living(folder, deepcopy(life.world), now=life.time.now) as after:
        while after.engine.standing.rollout is not None:
            after.until(after.time.now + 3 * HOUR)
        begun, bad = after.time.now, plant(after, spoil)
        while after.engine.standing.rollout is not None and after.time.now < begun + 5 * DAY:
            after.until(after.time.now + 3 * HOUR)
        [withdrawn] = [one for one in after.standings("withdraw") if one.at > begun]
        assert (withdrawn.who, withdrawn.why[: len(said)]) == ("guard", said)
        assert withdrawn.at - begun <= 3 * DAY
        assert bad not in {one.champion for one in after.standings()}
        home = after.engine.home
        assert home.registry.get(home.releases.get(bad).versions["risk"]).stage == "rejected"
        assert any(bad in alert.message for alert in home.journal.alerts("fraud", monitor="guard", since=begun))


def plant(life: Life, spoil: Callable[[float], float]) -> str:
    """Begin to roll out the champion with every leaf of its trees changed; return the release."""
    home, seen = life.engine.home, life.engine.standing
    champion = home.releases.get(seen.champion)
    good = life.engine.load(champion.versions["risk"])
    bad = GradientBoostingVersion.of(good.encoding, {head: spoilt(text, spoil) for head, text in good.texts.items()})
    lineage = home.registry.get(champion.versions["risk"]).lineage
    record = home.registry.publish("risk", bad.save, lineage, {}, {})
    change = Change(at=life.time.now, who="somebody", why="it looked good on their machine")
    release = home.releases.create("fraud", {"risk": record.version}, life.engine.loaded.hash, champion.thresholds, change)
    home.releases.roll_out(seen, Rollout(release=release.id, step=0, share=0.5, started=life.time.now), change)
    life.engine.reload()
    return release.id


def spoilt(text: str, spoil: Callable[[float], float]) -> str:
    booster = Booster(model_str=text)
    for number, tree in enumerate(booster.dump_model()["tree_info"]):
        for leaf in range(tree["num_leaves"]):
            booster.set_leaf_output(number, leaf, spoil(booster.get_leaf_output(number, leaf)))
    return booster.model_to_string()


# ---- a new attack


@pytest.mark.slow
def test_new_attack_is_let_through_at_first_and_answered_once_its_chargebacks_have_come(tmp_path):
    """Testers try cards with small amounts, which neither rules nor the first model mind; what they buy is charged back like the rest."""
    attack = START + 50 * DAY
    with living(tmp_path, FraudWorld(7, attack_at=attack, attack_share=0.02, **SMALL)) as life:
        life.until(START + 105 * DAY)
        stopped = {week: stopped_tests(life, attack + 7 * week * DAY) for week in range(8)}
        assert stopped[0] < 0.2
        assert max(stopped[5], stopped[6], stopped[7]) > 0.7, stopped


def stopped_tests(life: Life, since: int) -> float:
    """Return which share of the testers' payments was not approved in a week: small amounts that only testers pay."""
    rows = life.decided(since, since + 7 * DAY)
    tests = life.world.fraudulent(rows) & (rows["cents"] < 600)
    return float((rows["action"][tests] != "approve").mean())
