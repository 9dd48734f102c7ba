"""Another policy judged on a log: its weights told by hand, its truth known by sums, and what cannot be said refused."""

from contextlib import closing
from functools import cache

import numpy as np
import pytest

from millrace.errors import BadInput, DeclarationError, NotFound
from millrace.evaluation.off_policy import snips
from millrace.evaluation.reasons import Reason, Refused
from millrace.loading import load, load_policy
from millrace.operate.history import LogHistory
from millrace.operate.replaying import replay
from millrace.operate.replaying_estimators import ESTIMATORS, spread
from millrace.operate.replaying_targets import targets
from millrace.operate.replaying_value import Replaying
from millrace.serve.facts import Installed
from millrace.serve.home import Home
from millrace.serve.release import Versions, installed
from millrace.types import EVER
from tests.operate.posters import BANDIT, TAPS, WALL, door, wall


@pytest.fixture(scope="module")
def booth(tmp_path_factory):
    return wall(tmp_path_factory.mktemp("booth"), 900)


@pytest.fixture(scope="module")
def slates(tmp_path_factory):
    return wall(tmp_path_factory.mktemp("slates"), 500, places=2)


def replayed(booth, other, estimator="snips", until=None, is_gone=lambda _: False, **asked):
    with closing(Home(booth.home, booth.loaded, read_only=True)) as home, closing(Home(booth.home, other, read_only=True)) as its:
        versions = Versions(other, its.registry)

        @cache
        def has(release):
            return installed(home.releases.get(release) if release else None, versions)

        end = home.log.last_known + 1 if until is None else until
        wanted = Replaying(**{"since": EVER, "until": end, "estimator": estimator, **asked})
        return replay(booth.loaded, LogHistory(home.log, booth.loaded), other, its.log, wanted, has, versions.load, is_gone=is_gone)


def by_hand(booth, chances):
    """Return rewards, propensities and weights from the records themselves."""
    with closing(Home(booth.home, booth.loaded, read_only=True)) as home:
        tapped = set(home.log.read(booth.loaded.streams["Tap"])["look"].tolist())
        made = [one for _, one in home.log.decisions(system="wall")]
    return np.array([(float(one.id in tapped), one.propensity[0], chances[one.candidate[0]]) for one in made]).T


def test_weights_are_those_of_the_records(booth):
    found = replayed(booth, load_policy(str(booth.module), "calm"))
    reward, propensity, target = by_hand(booth, {"blue": 0.8, "green": 0.1, "red": 0.1})
    [judged] = found.judgements
    assert (found.decisions, found.rows, found.policy, judged.outcome) == (900, 900, "calm", "tapped")
    units = np.arange(900) % 60
    alone = snips(reward, propensity, target, unit=units)
    assert (judged.value.value, judged.value.standard_error) == (pytest.approx(alone.value), pytest.approx(alone.standard_error))
    assert judged.value.overlap.effective_units == pytest.approx(alone.overlap.effective_units)
    assert judged.gain.value == pytest.approx(alone.value - reward.mean())


@pytest.mark.parametrize("estimator", ["snips", "ips", "clipped", "dr", "mrdr", "switch", "direct"])
@pytest.mark.parametrize(("policy", "chances"), [("calm", (0.1, 0.1, 0.8)), ("surely", (1, 0, 0)), ("last", (0, 0, 1))])
def test_intervals_hold_what_the_policy_is_truly_worth(booth, estimator, policy, chances):
    truth = float(np.dot(chances, [TAPS[one] for one in ("red", "green", "blue")]))
    [judged] = replayed(booth, load_policy(str(booth.module), policy), estimator).judgements
    slack = 0.05 if estimator == "direct" else 0.0  # its interval knows nothing of its model's error
    assert judged.value.low - slack <= truth <= judged.value.high + slack


def test_the_policy_that_logged_is_worth_what_was_logged(booth):
    [judged] = replayed(booth, load_policy(str(booth.module), "bold")).judgements
    assert judged.value.value == judged.logged.value
    assert (judged.gain.value, judged.value.effective_sample_size) == (0.0, pytest.approx(900))


def test_another_module_over_the_same_request_is_a_policy_too(booth, tmp_path):
    module = tmp_path / "next.py"
    text = booth.module.read_text()
    module.write_text(text.replace('policy=Fallback(learned, to=bold, after="1s")', "policy=calm"))
    [judged] = replayed(booth, load(str(module))).judgements
    [same] = replayed(booth, load_policy(str(booth.module), "calm")).judgements
    assert judged == same


def test_what_a_policy_goes_without_is_counted(booth):
    found = replayed(booth, booth.loaded)
    assert found.missed == {"learned": 900}
    assert found.judgements[0].gain.value == 0.0


def test_policy_without_a_version_of_its_model_is_refused(booth):
    with pytest.raises(Refused, match="learned could have answered none of 900 decisions: its models had no version then") as refused:
        replayed(booth, load_policy(str(booth.module), "learned"))
    assert refused.value.reason is Reason.NO_SUPPORT


def test_items_of_a_slate_are_judged_one_by_one_and_models_refuse(slates):
    found = replayed(slates, load_policy(str(slates.module), "calm"))
    assert (found.decisions, found.rows) == (500, 1000)
    [judged] = found.judgements
    assert judged.value.overlap.mean_weight == pytest.approx(1.0, abs=4 * judged.value.overlap.mean_weight_error)
    [refused] = replayed(slates, load_policy(str(slates.module), "calm"), "dr").judgements
    assert "dr is for decisions that take one candidate or action, and these take several" in refused.refused.said


def test_slate_without_support_is_refused_in_words(slates):
    """What the certain first place always shows says nothing of a policy that shows it less often; half of its choices were never tried."""
    [judged] = replayed(slates, load_policy(str(slates.module), "last")).judgements
    assert judged.value is None
    assert judged.refused.reason == Reason.NO_SUPPORT


def test_log_without_exploration_says_what_was_never_tried(tmp_path):
    made = wall(tmp_path, 80, text=WALL.replace("to=bold", "to=surely"))
    [judged] = replayed(made, load_policy(str(made.module), "calm")).judgements
    assert judged.refused.reason == Reason.NO_SUPPORT
    assert judged.refused.said.startswith("90.0% of what the target does was never tried: log with exploration")


def test_actions_are_judged_by_what_chance_left_open(tmp_path):
    made = door(tmp_path, 900)
    found = replayed(made, load_policy(str(made.module), "kind"))
    [judged] = found.judgements
    # Let in: the tall (above 0.2) with 0.9, nobody else; each gives thanks as likely as they are tall: 0.9 · ∫ from 0.2 to 1.
    assert judged.value.low <= 0.9 * (1 - 0.2**2) / 2 <= judged.value.high
    [own] = replayed(made, load_policy(str(made.module), "strict")).judgements
    assert own.gain.value == 0.0


def test_chances_of_an_action_are_those_of_the_chooser(tmp_path):
    made = door(tmp_path, 60)
    other = load_policy(str(made.module), "kind")
    with closing(Home(made.home, other, read_only=True)) as home:
        asked = home.log.read(other.system.request, ["id", "at", "visitor", "height"])
        n = len(asked["id"])
        rows = {**{name: asked[name] for name in ("id", "at", "visitor", "height")}, "watermark": asked["known"], "release": np.full(n, "")}
        for place, chances, missed in targets(other, home.log, rows, lambda _: Installed(), lambda _: None):
            tall = asked["height"][place] >= 0.2
            assert chances == ({"open": pytest.approx(0.9), "wait": pytest.approx(0.1)} if tall else {"wait": 1.0})
            assert missed == ()


def test_only_the_latest_decisions_are_asked_about(booth):
    found = replayed(booth, load_policy(str(booth.module), "calm"), most=300)
    assert (found.decisions, found.earlier) == (300, 600)


def test_label_that_is_not_known_yet_is_no_reward(booth):
    with closing(Home(booth.home, booth.loaded, read_only=True)) as home:
        at = LogHistory(home.log, booth.loaded).first_decided(home.log.last_known)
    [judged] = replayed(booth, load_policy(str(booth.module), "calm"), until=at + 60_000_000 * 4).judgements
    assert (judged.refused.reason, "its time is not over" in judged.refused.said) == (Reason.FEW_EVENTS, True)


def test_what_cannot_be_asked_is_said(booth, tmp_path):
    calm = load_policy(str(booth.module), "calm")
    with pytest.raises(BadInput, match="there is no estimator 'magic': use snips, ips"):
        replayed(booth, calm, "magic")
    with pytest.raises(NotFound, match="no decision was logged in that time"):
        replayed(booth, calm, since=2**61, until=2**62)
    with pytest.raises(DeclarationError, match=r"wall\.py binds no policy 'hung': it binds bold, calm, surely, last, learned"):
        load_policy(str(booth.module), "hung")
    other = door(tmp_path, 3)
    with pytest.raises(BadInput, match="door answers Knock with the request itself, and wall answers Look with Poster"):
        replayed(booth, other.loaded)


def test_bandits_are_judged_with_what_was_believed_when_each_decision_was_made(tmp_path):
    made = wall(tmp_path, 900, text=BANDIT)
    with closing(Home(made.home, made.loaded, read_only=True)) as home:
        releases = {one.release for _, one in home.log.decisions(system="wall")}
    assert len(releases) > 10, "it learned every hour"
    [own] = replayed(made, load_policy(str(made.module), "thompson")).judgements
    assert (own.gain.value, own.value.effective_sample_size) == (pytest.approx(0, abs=1e-12), pytest.approx(900))
    [greedy] = replayed(made, load_policy(str(made.module), "greedy")).judgements
    # Once red is known to be best it is taken with 0.8 (of the rest, half and half), which is so from the second hour on.
    assert greedy.value.low <= 0.8 * TAPS["red"] + 0.1 * (TAPS["green"] + TAPS["blue"]) <= greedy.value.high
    assert greedy.value.overlap.mean_weight == pytest.approx(1.0, abs=0.1)


def test_decisions_made_with_what_is_deleted_are_left_out_and_counted(booth):
    other = load_policy(str(booth.module), "calm")
    with pytest.raises(Refused, match="answered none of 900 decisions: the files of what served at 900 of them are deleted"):
        replayed(booth, other, is_gone=lambda _: True)
    assert replayed(booth, other).deleted == 0


def test_seen_closely_every_estimator_speaks_or_says_why_not(booth, slates):
    [judged] = replayed(booth, load_policy(str(booth.module), "calm"), closely=True).judgements
    assert set(judged.closer.values) == set(ESTIMATORS)
    assert judged.closer.values["snips"] == judged.value
    assert sum(one.choices for one in judged.closer.weights) == 900
    assert sum(one.share for one in judged.closer.weights) == pytest.approx(1)
    [several] = replayed(slates, load_policy(str(slates.module), "calm"), closely=True).judgements
    assert set(several.closer.values) == {"snips", "ips", "clipped"}
    assert "several" in several.closer.refused["dr"]
    [plain] = replayed(booth, load_policy(str(booth.module), "calm")).judgements
    assert plain.closer is None


def test_weights_are_told_in_bins_each_twice_as_wide():
    found = spread(np.array([0.0, 0.0, 0.05, 0.5, 0.6, 3.0]))
    assert [one.upto for one in found] == [0.0, 0.0625, 0.125, 0.25, 0.5, 1.0, 2.0, 4.0]
    assert [one.choices for one in found] == [2, 1, 0, 0, 1, 1, 0, 1]
    assert found[-1].share == pytest.approx(3 / 4.15)
    assert [one.choices for one in spread(np.zeros(3))] == [3, 0]
