"""Default of Credit Card Clients: its file, and a trial whose held-out clients were never seen."""

import numpy as np

from millrace.datasets.registry import data_set
from millrace.datasets.table import typed
from millrace.types import DAY

CREDIT = data_set("uci_credit_default")
NAMES = [*(name for name in CREDIT.tables["clients"] if name != "default"), "default payment"]


def tables(n, **wrong):
    """Return `n` clients; `wrong` are values of the first one."""
    rng = np.random.default_rng(0)
    lines = [",".join(NAMES)]
    for i in range(n):
        values = dict.fromkeys(NAMES, 0) | {"LIMIT_BAL": 20_000, "SEX": 2, "EDUCATION": 5, "MARRIAGE": 1, "AGE": 24}
        values["default payment"] = int(rng.random() < 0.3)
        lines.append(",".join(str(value) for value in {**values, **(wrong if i == 0 else {})}.values()))
    return {"clients": typed("clients", CREDIT.tables["clients"], CREDIT.unpack(["\n".join(lines).encode()])["clients"])}


def test_clients_held_out_are_in_no_stream():
    trial = CREDIT.trial(tables(500))
    history, defaults = trial.streams["Application"], trial.streams["Default"]
    held = set(trial.requests["id"].tolist())
    assert 60 < len(held) < 140
    assert not held & set(history["id"].tolist())
    assert not held & set(defaults["application"].tolist())
    assert len(held) + len(history["id"]) == 500


def test_history_was_approved_and_every_default_comes_a_month_after_its_application():
    trial = CREDIT.trial(tables(500))
    history, defaults = trial.streams["Application"], trial.streams["Default"]
    assert trial.decided == {"Application": "action"}
    assert set(history["action"].tolist()) == {"approve"}
    at = dict(zip(history["id"].tolist(), history["at"].tolist(), strict=True))
    assert {when - at[one] for one, when in zip(defaults["application"].tolist(), defaults["at"].tolist(), strict=True)} == {30 * DAY}
    assert history["at"].max() + 60 * DAY < trial.at  # every outcome's window has closed


def test_codes_become_words():
    rows = CREDIT.trial(tables(50)).streams["Application"]
    assert (rows["sex"][0], rows["education"][0], rows["marriage"][0]) == ("female", "unknown", "married")


def test_client_that_cannot_be_is_set_aside_with_the_reason():
    for wrong, reason in [
        ({"LIMIT_BAL": 0}, "the limit is not above 0"),
        ({"AGE": 7}, "under age"),
        ({"default payment": 2}, "default is neither 0 nor 1"),
        ({"AGE": "old"}, "AGE: not a whole number of 64 bits"),
    ]:
        trial = CREDIT.trial(tables(50, **wrong))
        assert trial.tables["clients"].reasons() == {reason: 1}
        assert trial.tables["clients"].aside["number"].tolist() == [1]
        assert "client-1" not in {*trial.requests["id"].tolist(), *trial.streams["Application"]["id"].tolist()}
