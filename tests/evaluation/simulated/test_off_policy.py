"""Coverage: of many logs of a world whose truth is known, how many intervals hold it, and which logs are refused."""

import numpy as np
import pytest

from millrace.evaluation.judging import Judging
from millrace.evaluation.off_policy import gain, ips, snips
from millrace.evaluation.off_policy_models import doubly_robust, mrdr, switch, switch_dr
from millrace.evaluation.reasons import Reason, Refused
from millrace.evaluation.reward_models import linear_rewards
from millrace.evaluation.slates import independent_weights, pseudo_inverse, slate_ips, slate_weights, uniform_gamma
from tests.evaluation.simulated.worlds import Shop, Slates

LOW, HIGH = 0.93, 0.97


def values(log, how, unit=None):
    """Yield (name, value) of every estimator on a log."""
    rows = (log.reward, log.propensity, log.target)
    kind = {"unit": unit, "how": how}
    model = linear_rewards(log.reward, log.features, log.wanted, unit=unit)
    said = {"predicted": model.logged, "expected": model.target, **kind}
    yield "ips", ips(*rows, **kind)
    yield "snips", snips(*rows, **kind)
    yield "doubly robust", doubly_robust(*rows, **said)
    yield "self-normalised doubly robust", doubly_robust(*rows, self_normalised=True, **said)
    yield "switch", switch_dr(*rows, **said)
    yield "more robust doubly robust", mrdr(*rows, logged=log.features, chosen=log.wanted, **kind)


def coverage(truth, logs, estimated):
    """Return by estimator the share of the logs whose interval holds the truth."""
    held: dict[str, list[bool]] = {}
    for log in logs:
        for name, value in estimated(log):
            held.setdefault(name, []).append(value.low <= truth <= value.high)
    return {name: float(np.mean(found)) for name, found in held.items()}


def test_a_few_hundred_intervals_hold_the_truth_about_as_often_as_they_say():
    shop, rng = Shop(), np.random.default_rng(2)
    found = coverage(shop.truth, (shop.logged(rng, 400) for _ in range(150)), lambda log: values(log, Judging()))
    assert all(0.88 <= share <= 1 for share in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shop", "n", "each", "how"),
    [
        pytest.param(Shop(), 300, 1, Judging(), id="300 choices"),
        pytest.param(Shop(), 2_000, 1, Judging(), id="2,000 choices"),
        pytest.param(Shop(2.0), 2_000, 1, Judging(), id="a target further away"),
        pytest.param(Shop(own=0.3), 1_500, 5, Judging(), id="300 customers of five choices each"),
        pytest.param(Shop(rare=20.0), 6_000, 1, Judging(), id="a purchase in forty"),
        pytest.param(Shop(), 500, 1, Judging(interval="studentised", resamples=200), id="studentised"),
        pytest.param(Shop(), 500, 1, Judging(interval="bootstrap", resamples=200), id="bootstrap"),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(shop, n, each, how):
    rng = np.random.default_rng(11)
    logs = (shop.logged(rng, n, each) for _ in range(2_500 if how.interval == "student" else 300))
    slack = 0.0 if how.interval == "student" else 0.02  # of so few logs three standard errors of a coverage are 0.038
    found = coverage(shop.truth, logs, lambda log: values(log, how, log.unit if each > 1 else None))
    assert all(LOW - slack <= share <= HIGH + slack for share in found.values()), found


@pytest.mark.slow
def test_ignoring_that_choices_are_of_one_customer_is_too_sure():
    shop, rng = Shop(own=0.45), np.random.default_rng(3)
    logs = [shop.logged(rng, 1_000, 20) for _ in range(600)]
    clustered = coverage(shop.truth, logs, lambda log: [("snips", snips(log.reward, log.propensity, log.target, unit=log.unit))])
    naive = coverage(shop.truth, logs, lambda log: [("snips", snips(log.reward, log.propensity, log.target))])
    assert naive["snips"] < 0.85 < 0.92 < clustered["snips"]


@pytest.mark.slow
def test_gain_over_what_logged_holds_the_truth_and_is_narrower_than_two_intervals():
    shop, rng = Shop(), np.random.default_rng(4)
    mood = np.linspace(-1, 1, 20_001)
    truth = shop.truth - float((shop.chances(mood)[0] * shop.bought(mood)).sum(axis=1).mean())
    logs = [shop.logged(rng, 1_000) for _ in range(2_500)]
    found = [gain(log.reward, log.propensity, log.target) for log in logs]
    assert LOW <= np.mean([one.low <= truth <= one.high for one in found]) <= HIGH
    apart = [
        np.hypot(snips(log.reward, log.propensity, log.target).standard_error, log.reward.std() / np.sqrt(1_000)) for log in logs[:200]
    ]
    assert np.mean([one.standard_error for one in found[:200]]) < 0.9 * np.mean(apart)


@pytest.mark.slow
def test_plain_switch_with_a_true_model_holds_the_truth():
    shop, rng = Shop(2.0), np.random.default_rng(5)

    def estimated(log):
        beyond = np.where(log.all_target / log.all_propensity > 3, log.all_target * shop.bought(log.mood), 0.0).sum(axis=1)
        yield "switch", switch(log.reward, log.propensity, log.target, expected_beyond=beyond, threshold=3.0)

    found = coverage(shop.truth, (shop.logged(rng, 1_000) for _ in range(2_500)), estimated)
    assert LOW <= found["switch"] <= HIGH


@pytest.mark.slow
def test_empirical_bernstein_never_holds_less_than_it_says():
    shop, rng = Shop(), np.random.default_rng(6)
    how = Judging(interval="bernstein", rewards=(0.0, 1.0), heaviest=1 / 0.02, confidence=0.8)
    logs = (shop.logged(rng, 400) for _ in range(500))
    assert coverage(shop.truth, logs, lambda log: [("ips", ips(log.reward, log.propensity, log.target, how=how))])["ips"] >= 0.8


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 3_000])
def test_slates_that_add_up_are_judged_from_their_totals(n):
    world, rng = Slates(), np.random.default_rng(7)
    gamma = uniform_gamma(world.places, world.items)

    def estimated(log):
        weight = slate_weights(log.shown, world.target, gamma)
        total = log.reward.sum(axis=1)
        yield "pseudo-inverse", pseudo_inverse(total, weight)
        yield "self-normalised", pseudo_inverse(total, weight, is_self_normalised=True)

    found = coverage(world.truth, (world.logged(rng, n) for _ in range(2_000)), estimated)
    assert all(LOW <= share <= HIGH for share in found.values()), found


@pytest.mark.slow
def test_slates_of_independent_places_are_judged_by_place_and_by_cascade():
    world, rng = Slates(apart=True), np.random.default_rng(8)
    place = np.arange(world.places)

    def estimated(log):
        chances = np.full(log.shown.shape, 1 / world.items), world.target[place, log.shown]
        yield "place", slate_ips(log.reward, *chances, by="place")
        yield "cascade", slate_ips(log.reward, *chances, by="cascade")
        yield "pseudo-inverse", pseudo_inverse(log.reward.sum(axis=1), independent_weights(*chances))

    found = coverage(world.truth, (world.logged(rng, 3_000) for _ in range(2_000)), estimated)
    assert all(LOW <= share <= HIGH for share in found.values()), found


@pytest.mark.slow
def test_what_cannot_be_said_is_refused_in_almost_every_log():
    """A target that lives where the log is blind is refused; one that lives where it is thin is refused as long as the log is short."""
    shop, rng, blind, thin = Shop(), np.random.default_rng(9), 0, 0
    for _ in range(300):
        log = shop.logged(rng, 1_000)
        taken = log.propensity > 0.1  # what was rarer is not in the log, as if it had never been tried
        try:
            snips(log.reward[taken], log.propensity[taken], log.target[taken] * 0.2)
        except Refused as refused:
            blind += refused.reason is Reason.NO_SUPPORT
        try:
            snips(log.reward[:20], log.propensity[:20] ** 3, log.target[:20], how=Judging(most_untried=1.0))
        except Refused as refused:
            thin += refused.reason in (Reason.FEW_EFFECTIVE, Reason.WRONG_WEIGHTS)
    assert (blind, thin > 270) == (300, True)


@pytest.mark.slow
def test_rare_rewards_are_told_and_missed_on_one_side_where_they_are():
    """Some 45 purchases in 4,000 choices: about twice as many misses above as there should be, and almost every log is told so."""
    shop, rng = Shop(rare=40.0), np.random.default_rng(12)
    truth = shop.truth
    logs = [(log.reward, log.propensity, log.target) for log in (shop.logged(rng, 4_000) for _ in range(500))]
    found = [snips(*rows) for rows in logs]
    assert np.mean([any(one.reason in (Reason.SKEWED, Reason.FEW_EVENTS) for one in each.cautions) for each in found]) > 0.95
    assert np.mean([each.high < truth for each in found]) > 0.035
    often = Shop()
    untold = [snips(log.reward, log.propensity, log.target) for log in (often.logged(rng, 2_000) for _ in range(200))]
    assert np.mean([bool(each.cautions) for each in untold]) < 0.02
