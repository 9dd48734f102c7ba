"""What policies can reach in the fraud world: the figures that make it worth learning in."""

import numpy as np
import pytest

from millrace.types import DAY, objects, take
from millrace.worlds.fraud import FraudWorld
from tests.worlds.velocity import NAMES, features

START = FraudWorld().start


def rules(rows):
    """The score of an analyst's rules: many payments within an hour, many cards on a device, large amounts."""
    hour, cards, cents = (rows[:, NAMES.index(name)] for name in ("card_1h", "cards_on_device", "cents"))
    return (hour > 3) * 0.6 + (cards > 3) * 0.3 + (cents > 50_000) * 0.2


def trained(rows, fraud):
    import lightgbm

    settings = {"num_leaves": 15, "learning_rate": 0.1, "min_data_in_leaf": 40, "verbose": -1, "num_threads": 1, "seed": 1}
    data = lightgbm.Dataset(rows, fraud.astype(float), categorical_feature=[NAMES.index("category")])
    return lightgbm.train({"objective": "binary", **settings}, data, 80)


@pytest.fixture(scope="module")
def history():
    """Four weeks of payments with features and truth; the new attack begins after sixteen days."""
    world = FraudWorld(attack_at=START + 16 * DAY)
    asked = world.requests(START, START + 26 * DAY)
    merchant = world.happenings(START, START + 1)["Merchant"]
    kinds = sorted(set(merchant["category"]))
    category = {name: kinds.index(kind) for name, kind in zip(merchant["id"], merchant["category"], strict=True)}
    return world, asked, features(asked, category), world.fraudulent(asked), (asked["at"] - START) // DAY


@pytest.mark.slow
def test_learned_scores_beat_rules_and_a_new_attack_makes_them_stale(history):
    from sklearn.metrics import average_precision_score

    _, _, rows, fraud, day = history
    first, second = (day >= 5) & (day < 12), (day >= 16) & (day < 22)
    before, after = (day >= 12) & (day < 16), day >= 22
    old, new = trained(rows[first], fraud[first]), trained(rows[second], fraud[second])

    def precision(score, when):
        return float(average_precision_score(fraud[when], score(rows[when])))

    figures = {
        "base rate": fraud[before].mean(),
        "rules": precision(rules, before),
        "model": precision(old.predict, before),
        "base rate after": fraud[after].mean(),
        "old model after": precision(old.predict, after),
        "new model after": precision(new.predict, after),
    }
    print("PR-AUC:", {name: round(float(value), 3) for name, value in figures.items()})
    assert figures["rules"] > 5 * figures["base rate"]
    assert figures["model"] > 4 * figures["rules"]
    assert figures["old model after"] < 0.7 * figures["model"]
    assert figures["new model after"] > 1.3 * figures["old model after"]


@pytest.mark.slow
def test_a_model_earns_more_than_rules_and_rules_more_than_letting_everything_through(history):
    world, asked, rows, fraud, day = history
    first, before = (day >= 5) & (day < 12), (day >= 12) & (day < 16)
    model = trained(rows[first], fraud[first])

    def money(action):
        part = take(asked, before)
        return world.value({"request": part["id"], "action": action}).sum()

    def acted(score, review, decline):
        return objects(np.where(score > decline, "decline", np.where(score > review, "review", "approve")).tolist())

    earned = {
        "approve all": money(objects(["approve"] * int(before.sum()))),
        "rules": money(acted(rules(rows[before]), 0.2, 0.5)),
        "model": money(acted(model.predict(rows[before]), 0.05, 0.3)),
        "best": world.best(take(asked, before), 1).sum(),
    }
    print("money:", {name: round(float(value)) for name, value in earned.items()})
    assert earned["approve all"] < earned["rules"] < earned["model"] < earned["best"]
