"""Open Bandit: its columns, and another policy's worth judged from the log of the one that drew by chance."""

import numpy as np
import pytest

from millrace.datasets.loading import VARIABLE, read
from millrace.datasets.open_bandit import CAMPAIGNS, OPEN_BANDIT, campaign
from millrace.datasets.registry import CHOICE_LOGS
from millrace.datasets.table import typed
from millrace.errors import BadInput, NotFound
from millrace.evaluation.judging import Judging
from millrace.evaluation.off_policy import ips, snips
from millrace.evaluation.off_policy_models import doubly_robust, mrdr, switch_dr
from millrace.evaluation.reasons import Reason, Refused
from millrace.evaluation.reward_models import linear_rewards
from tests.datasets.real import folder_of

COLUMNS = OPEN_BANDIT.tables["random_all"]


def raw(**columns):
    rows = {"timestamp": ["2019-11-24T00:00:00Z"] * 4, "item_id": [0, 1, 1, 2], "position": [1, 2, 2, 3], "click": [0, 1, 0, 0]}
    users = {f"user_feature_{n}": ["u"] * 4 for n in range(4)}
    return {**rows, "propensity_score": [0.5, 0.25, 0.25, 1.0], **users, **columns}


def tables(**columns):
    return {name: typed(name, COLUMNS, raw(**columns)) for name in OPEN_BANDIT.tables}


@pytest.mark.parametrize("one", CHOICE_LOGS, ids=lambda one: one.name)
def test_log_of_choices_states_licence_source_and_every_column(one):
    assert one.licence == "CC BY 4.0"
    assert one.source.startswith("https://")
    assert "https://doi.org/" in one.citation
    assert all(column.meaning for columns in one.tables.values() for column in columns.values())


@pytest.mark.parametrize("one", CHOICE_LOGS, ids=lambda one: one.name)
def test_log_that_is_not_here_says_where_to_get_it(one, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    for folder in (None, tmp_path):
        with pytest.raises(NotFound, match=f"{one.name} is not here: get it from {one.source}, put its Parquet files"):
            read(one, folder)


def test_frequencies_are_those_of_what_was_shown():
    shown, _ = campaign(tables(), "all")
    assert shown.items == 3
    assert shown.frequencies().tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
    assert shown.clicked.tolist() == [0, 1, 0, 0]


def test_rows_that_cannot_be_are_set_aside():
    shown, _ = campaign(tables(position=[1, 4, 2, 3], propensity_score=[0.5, 0.25, 0.0, 1.0]), "men")
    assert shown.item.tolist() == [0, 2]
    with pytest.raises(BadInput, match="there is no campaign 'women'"):
        campaign(tables(), "women")


@pytest.fixture(scope="module")
def real():
    return read(OPEN_BANDIT, folder_of("open_bandit").parent)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_intervals_from_logs_by_chance_hold_what_the_other_policy_earned(real, name):
    """What it earned is itself known to within its own error only: the interval of the difference must hold 0 as well."""
    random, thompson = campaign(real, name)
    does = thompson.frequencies()
    rows = random.clicked, random.propensity, does[random.item, random.place]
    cells = np.arange(3) * random.items
    logged = np.eye(3 * random.items)[cells[random.place] + random.item]
    wanted = (np.eye(3)[random.place][:, :, None] * does.T).reshape(len(random.item), -1)
    model = linear_rewards(random.clicked, logged, wanted, reg=100.0)
    values = [estimator(*rows, how=Judging(interval=interval)) for estimator in (ips, snips) for interval in ("student", "studentised")]
    values += [estimator(*rows, predicted=model.logged, expected=model.target) for estimator in (doubly_robust, switch_dr)]
    values += [mrdr(*rows, logged=logged, chosen=wanted, reg=100.0)]
    truth, error = thompson.clicked.mean(), thompson.clicked.std() / np.sqrt(len(thompson.clicked))
    for value in values:
        assert value.low <= truth <= value.high, value.estimator
        assert abs(value.value - truth) < 1.96 * np.hypot(value.standard_error, error), value.estimator
        assert value.overlap.mean_weight == pytest.approx(1, abs=0.05)
        assert value.effective_sample_size > 2_000


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_policy_by_chance_is_judged_from_the_log_of_the_other_where_that_left_enough_to_chance(real, name):
    random, thompson = campaign(real, name)
    target = np.full(len(thompson.item), 1 / thompson.items)
    value = snips(thompson.clicked, thompson.propensity, target)
    assert value.low <= random.clicked.mean() <= value.high
    assert value.effective_sample_size < 700, "ten thousand rows are worth some hundreds: it hardly tried most items"
    with pytest.raises(Refused) as refused:
        snips(thompson.clicked[:150], thompson.propensity[:150], target[:150], how=Judging(least_effective=40))
    assert refused.value.reason is Reason.FEW_EFFECTIVE


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_mean_propensities_taken_for_probabilities_are_refused(real, name):
    random, thompson = campaign(real, name)
    mean = np.zeros((thompson.items, 3))
    np.add.at(mean, (thompson.item, thompson.place), thompson.propensity)
    mean /= np.maximum(thompson.frequencies() * np.bincount(thompson.place, minlength=3), 1)
    with pytest.raises(Refused, match=r"the mean weight is [\d.]+ and must be 1") as refused:
        ips(random.clicked, random.propensity, mean[random.item, random.place])
    assert refused.value.reason is Reason.WRONG_WEIGHTS
