"""Payments: approve, review or decline; chargebacks arrive weeks later, and only for what was let through."""

from millrace import (
    Act,
    Array,
    Calibrated,
    Calibration,
    Canary,
    Cost,
    Drift,
    Entity,
    Event,
    Fallback,
    GradientBoosting,
    Itself,
    Model,
    NotWorse,
    Pipeline,
    Precision,
    Ref,
    Request,
    Retrain,
    Rules,
    System,
    count,
    feature,
    last,
    mean,
    outcome,
    total,
)


class Card(Entity):
    """What is paid with."""

    country: str


class Device(Entity):
    """Where it is paid from."""

    kind: str


class Merchant(Entity):
    """Who is paid."""

    category: str


class Payment(Request):
    """Someone wants to pay."""

    card: Ref[Card]
    device: Ref[Device]
    merchant: Ref[Merchant]
    cents: int


class Chargeback(Event):
    """The card's owner says it was not them."""

    payment: Ref[Payment]


class Verdict(Event):
    """An analyst has looked."""

    payment: Ref[Payment]
    fraudulent: bool


class Ring(Event):
    """How many cards the graph job saw on a device: a derived event, known when it was published."""

    device: Ref[Device]
    cards: int


velocity = count(Payment, per=[Card, Device, (Card, Merchant)], over=["1h", "24h", "7d"])
spent = total(Payment.cents, per=Card, over=["1h", "24h", "7d"])
usual = mean(Payment.cents, per=Card, over="30d")
burned = count(Chargeback, per=[Payment.device, Payment.merchant], over="90d")
caught = mean(Verdict.fraudulent, per=[Payment.device, Payment.merchant], over="30d")
ring = last(Ring.cards, per=Device)


@feature(usual)
def unusual(usual: Array, payment: Payment) -> Array:
    """How large the amount is beside what the card usually pays."""
    return payment.cents / (usual + 100)


@feature(velocity[Card, "1h"], velocity[Device, "24h"], ring)
def suspicious(card_hour: Array, device_day: Array, cards: Array, payment: Payment) -> Array:
    """Score by the analysts' rules: what decides when the model cannot."""
    return (card_hour > 4) * 0.5 + (device_day > 12) * 0.3 + (cards > 4) * 0.4 + (payment.cents > 50_000) * 0.2


let_through = ("approve", "review")
charged = outcome(Chargeback, within="60d", seen_if=let_through)
judged = outcome(Verdict.fraudulent, within="3d", take="last", seen_if="review")
risk = Model(
    charged,
    judged,
    features=[velocity, spent, usual, burned, caught, ring, unusual, Payment.cents, Merchant.category, Device.kind],
    learner=Calibrated(GradientBoosting(trees=150), by="sigmoid"),
)
scored = Pipeline(Itself(), risk, Act({"decline": Cost(20, 120), "review": Precision(0.2)}, otherwise="approve", audit=0.005, to="review"))
ruled = Pipeline(Itself(), Rules(suspicious), Act({"decline": 0.9, "review": 0.5}, otherwise="approve"))

fraud = System(
    Payment,
    policy=Fallback(scored, to=ruled, after="80ms"),
    monitors=[Drift(risk), Calibration(charged, over="30d")],
    retrain=Retrain(every="7d", on=[Drift], gate=NotWorse("pr_auc"), rollout=Canary("10%", "100%"), history="180d"),
)
