from datetime import datetime

import pytest

from millrace.errors import DeclarationError
from millrace.features.declare import count, feature, last, mean, ratio, total
from millrace.features.plan import by_keying, domain, plan, with_needs
from millrace.schema import Entity, Event, Ref, Request


class Device(Entity):
    system: str


class Card(Entity):
    country: str
    issued: datetime


class Payment(Request):
    card: Ref[Card]
    device: Ref[Device]
    cents: int


class Chargeback(Event):
    payment: Ref[Payment]
    note: str


def planned(*features):
    return plan(Payment, None, features)


def test_what_several_features_need_is_kept_once():
    spent = total(Payment.cents, per=Card, over="1h")
    usual = mean(Payment.cents, per=Card, over="1h")
    made = planned(spent, usual, ratio(spent, count(Payment, per=Card, over="1h")))
    assert [state.partition(" of ")[0] for state in made.states] == ["total(Payment.cents)", "count(Payment.cents)", "count()"]
    assert [len(states) for states in by_keying(made).values()] == [3]


def test_every_feature_comes_after_what_it_needs():
    spent = total(Payment.cents, per=Card, over="1h")

    @feature(spent)
    def twice(spent):
        return 2 * spent

    @feature(twice)
    def four(twice):
        return 2 * twice

    assert list(with_needs([four])) == [spent.column, twice.column, four.column]
    assert list(planned(four).reads) == [spent.column]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (Payment.device, "Device"),
        (Chargeback.payment.device, "Device"),
        (Chargeback.payment, "Payment"),
        (Payment.cents, "Payment.cents"),
        (Chargeback.payment.card.country, "Card.country"),
    ],
)
def test_keys_of_the_same_things_share_a_domain(field, expected):
    assert domain(field) == expected


def test_attributes_are_kept_for_the_references_that_are_followed():
    burned = count(Chargeback, per=Chargeback.payment.card.country, over="90d", where=Chargeback.payment.cents > 5)
    made = planned(burned)
    assert made.attributes == {Card: ("country",), Payment: ("card", "cents")}
    assert made.leads == {Card: ("country",), Payment: ("card",)}
    assert set(made.streams) == {Chargeback, Card, Payment}


def test_the_requests_own_fields_need_no_table():
    made = planned(count(Payment, per=Payment.device, over="1h"), Payment.cents)
    assert made.attributes == {}
    assert made.streams == (Payment,)


def test_an_id_behind_a_reference_is_the_reference_itself():
    made = planned(count(Chargeback, per=Chargeback.payment, where=Chargeback.payment.id != "x", over="1h"))
    assert made.attributes == {}


def test_a_function_keeps_every_attribute_of_the_entities_it_names():
    @feature
    def age(at, card: Card, payment: Payment):
        return at - card.issued

    assert planned(age).attributes == {Card: ("country", "issued")}


def test_the_side_of_an_aggregate_is_the_candidates_if_any_key_is():
    both = count(Payment, per=(Card, Device), over="1h")
    card = count(Payment, per=Card, over="1h")

    class Ask(Request):
        device: Ref[Device]

    made = plan(Ask, Card, [both, card, count(Payment, per=Device, over="1h")])
    assert [read.side for read in made.reads.values()] == ["candidate", "candidate", "request"]


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            mean(Chargeback.note, per=Chargeback.payment, over="1h"),
            r"mean\(\): Chargeback.note is text, which has no mean: use last\(Chargeback.note\)",
        ),
        (total(Payment.card.issued, per=Card, over="1h"), "is instant, which has no total"),
        (total(Chargeback.note + 1, per=Chargeback.payment, over="1h"), r"cannot be computed: Chargeback.note is text"),
        (
            count(Payment, per=Card, over="1h", where=Payment.cents),
            r"where=Payment.cents is integer, not true or false: .* Payment.cents > 0",
        ),
        (
            count(Chargeback, per=Chargeback.payment, over="1h", where=Chargeback.note),
            r"is text, not true or false: .* Chargeback.note == 'x'",
        ),
        (count(Payment, per=Chargeback.note, over="1h"), "Payment"),
    ],
)
def test_what_cannot_be_computed_is_refused(one, said):
    with pytest.raises(DeclarationError, match=said):
        planned(one)


def test_text_and_instants_can_be_the_last():
    planned(last(Chargeback.note, per=Chargeback.payment), last(Payment.at, per=Card))
