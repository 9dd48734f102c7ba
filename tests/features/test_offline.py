from typing import Any

import numpy as np
import pytest

from millrace.errors import BadInput, NotFound
from millrace.features.declare import count, feature, last, mean, ratio, total
from millrace.features.kernel_orders import NO_KEY
from millrace.features.keyed_events import joint_keys
from millrace.features.offline import backfill
from millrace.features.plan import plan
from millrace.schema import Entity, Event, Ref, Request
from millrace.types import HOUR, MINUTE, Columns, objects


class Card(Entity):
    country: str


class Payment(Request):
    card: Ref[Card]
    cents: int


class Chargeback(Event):
    payment: Ref[Payment]


spent = total(Payment.cents, per=Card, over="1h")


def paid(*rows: tuple[str, str, int, int]) -> Columns:
    """Return payments as (id, card, cents, known)."""
    ids, cards, cents, known = zip(*rows, strict=True)
    at = np.array(known)
    return {"id": objects(ids), "card": objects(cards), "cents": np.array(cents), "at": at, "known": at, "position": np.arange(len(rows))}


def charged(*rows: tuple[str, int]) -> Columns:
    """Return chargebacks as (payment, known)."""
    payments, known = zip(*rows, strict=True)
    at = np.array(known)
    ids = objects(f"c{i}" for i in range(len(rows)))
    return {"id": ids, "payment": objects(payments), "at": at, "known": at, "position": 100 + np.arange(len(rows))}


def asked(*rows: tuple[str, int]) -> Columns:
    """Return rows as (card, watermark)."""
    cards, watermarks = zip(*rows, strict=True)
    at = np.array(watermarks)
    return {
        "id": objects(f"r{i}" for i in range(len(rows))),
        "card": objects(cards),
        "cents": np.full(len(rows), 7),
        "at": at,
        "watermark": at,
    }


class Logged:
    """A log that remembers what was asked of it."""

    def __init__(self, records: dict[type, Columns]) -> None:
        self.records = records
        self.asked: list[tuple[type, int]] = []

    def __call__(self, of: type, until: int) -> Columns:
        self.asked.append((of, until))
        return self.records.get(of, {})


def recomputed(one: Any, rows: Columns, **records: Columns) -> list[Any]:
    log = Logged({Payment: records.get("payments", {}), Chargeback: records.get("chargebacks", {}), Card: records.get("cards", {})})
    return backfill(plan(Payment, None, [one]), [one], rows, log)[one.column].tolist()


def test_each_row_sees_the_log_as_of_its_own_watermark_in_whatever_order_rows_come():
    payments = paid(("p1", "k", 100, 10), ("p2", "k", 30, 20), ("p3", "other", 5, 15))
    rows = asked(("k", 21), ("k", 10), ("k", 20), ("other", 90), ("nobody", 90), ("k", 10 + HOUR + MINUTE))
    assert recomputed(spent, rows, payments=payments) == [130, 0, 100, 5, 0, 0]


def test_a_request_never_counts_itself():
    payments = paid(("p1", "k", 100, 10), ("p2", "k", 30, 20))
    assert recomputed(spent, asked(("k", 10), ("k", 20)), payments=payments) == [0, 100]


def test_an_event_reaches_its_key_through_the_request_it_refers_to_as_known_then():
    burned = count(Chargeback, per=Chargeback.payment.card, over="ever")
    payments = paid(("p1", "k", 100, 10), ("p2", "k", 30, 50))
    chargebacks = charged(("p1", 20), ("p2", 40), ("lost", 41))
    assert recomputed(burned, asked(("k", 20), ("k", 21), ("k", 99)), payments=payments, chargebacks=chargebacks) == [0, 1, 1]


def test_records_may_come_in_any_order():
    payments = paid(("p1", "k", 1, 10), ("p2", "k", 2, 10), ("p3", "k", 3, 5))
    shuffled = {name: column[[2, 1, 0]] for name, column in payments.items()}
    latest = last(Payment.cents, per=Card)
    assert recomputed(latest, asked(("k", 11)), payments=payments) == recomputed(latest, asked(("k", 11)), payments=shuffled) == [2.0]


def test_an_empty_log_and_no_rows_give_defaults_and_nothing():
    averaged = mean(Payment.cents, per=Card, over="1h", default=-1.0)
    assert recomputed(spent, asked(("k", 5))) == [0]
    assert recomputed(averaged, asked(("k", 5))) == [-1.0]
    none = {name: column[:0] for name, column in asked(("k", 5)).items()}
    assert recomputed(spent, none) == []


def test_only_the_classes_the_features_read_are_read_once_and_up_to_the_last_watermark():
    log = Logged({Payment: paid(("p1", "k", 100, 10))})
    features = [spent, mean(Payment.cents, per=Card, over="1h"), count(Chargeback, per=Chargeback.payment.card, over="1h")]
    backfill(plan(Payment, None, [*features, Card.country]), features, asked(("k", 5), ("k", 90)), log)
    assert sorted(log.asked, key=str) == [(Chargeback, 90), (Payment, 90)]


def test_ratios_attributes_and_functions_are_recomputed_too():
    payments = paid(("p1", "k", 100, 10), ("p2", "k", 31, 20))
    cards = {"id": objects(["k"]), "country": objects(["de"]), "at": np.array([1]), "known": np.array([1]), "position": np.array([50])}
    share = ratio(spent, count(Payment, per=Card, over="1h"), prior=(0.0, 1.0))

    @feature(spent)
    def abroad(spent, at, payment: Payment, card: Card):
        return (card.country != "fr") * spent + payment.cents + (at - np.datetime64(0, "us")) / np.timedelta64(1, "us")

    assert recomputed(share, asked(("k", 30)), payments=payments) == [131 / 3]
    assert recomputed(Card.country, asked(("k", 1), ("k", 2)), cards=cards) == [None, "de"]
    assert recomputed(abroad, asked(("k", 30)), payments=payments, cards=cards) == [131 + 7 + 30]


def test_a_missing_column_and_a_feature_that_was_not_planned_are_named():
    rows = {name: column for name, column in asked(("k", 30)).items() if name != "card"}
    with pytest.raises(BadInput, match="rows of Payment have no column 'card'"):
        recomputed(spent, rows, payments=paid(("p1", "k", 100, 10)))
    with pytest.raises(NotFound, match="not among the features"):
        backfill(plan(Payment, None, [spent]), [Card.country], asked(("k", 30)), Logged({}))


class Shop(Entity):
    town: str


class Visit(Event):
    shop: Ref[Shop]


class Call(Event):
    shop: Ref[Shop]


def test_a_candidate_that_one_stream_never_names_is_found_in_the_next():
    at = np.array([1])
    visit = {"id": objects(["v"]), "shop": objects(["s"]), "at": at, "known": at, "position": at}
    features = [count(Call, per=Shop, over="1h"), count(Visit, per=Shop, over="1h")]
    rows = asked(("k", 5)) | {"candidate": objects(["s"])}
    found = backfill(plan(Payment, Shop, features), features, rows, Logged({Visit: visit}))
    assert [column.tolist() for column in found.values()] == [[0], [1]]


def test_joint_keys_are_equal_exactly_where_every_key_is():
    rng = np.random.default_rng(3)
    for size in (2, 2**21, 2**40):
        events = [rng.integers(1, 4, 50) * size for _ in range(3)]
        rows = [rng.integers(0, 5, 40) * size for _ in range(3)]
        event_keys, row_keys = joint_keys(events, rows)
        expected = [[all(e[i] == r[j] for e, r in zip(events, rows, strict=True)) for i in range(50)] for j in range(40)]
        assert (event_keys[None, :] == row_keys[:, None]).tolist() == expected
        assert (row_keys[np.logical_or.reduce([r == 0 for r in rows])] == NO_KEY).all()


def test_joint_keys_without_events_match_nothing():
    nothing = np.zeros(0, dtype=np.int64)
    events, rows = joint_keys([nothing, nothing, nothing], [np.array([2**40])] * 3)
    assert len(events) == 0
    assert len(rows) == 1
