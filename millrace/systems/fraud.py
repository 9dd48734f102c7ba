"""Payments: approve, review or decline; chargebacks arrive weeks later, and only for what was let through."""

from millrace import (
    Act,
    Array,
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
familiar = count(Payment, per=(Card, Device), over="60d")
crowd = count(Payment, per=Device, over="60d")
spent = total(Payment.cents, per=Card, over=["1h", "24h", "7d"])
usual = mean(Payment.cents, per=Card, over="30d")
burned = count(Chargeback, per=[Payment.device, Payment.merchant], over="90d")
caught = mean(Verdict.fraudulent, per=[Payment.device, Payment.merchant], over="30d")
ring = last(Ring.cards, per=Device)


@feature(usual)
def unusual(usual: Array, payment: Payment) -> Array:
    """How large the amount is beside what the card usually pays."""
    return payment.cents / (usual + 100)


@feature(crowd, familiar, ring)
def suspicious(device: Array, own: Array, cards: Array, payment: Payment) -> Array:
    """Score by the analysts' rules: what decides when the model cannot."""
    return (own == 0) * 0.3 + (device - own > 1) * 0.2 + (cards > 2) * 0.2 + (payment.cents > 8_000) * 0.3


charged = outcome(Chargeback, within="21d", seen_if="approve")
judged = outcome(Verdict.fraudulent, within="3d", take="last", seen_if="review")
risk = Model(
    charged,
    judged,
    features=[velocity, familiar, crowd, spent, usual, burned, caught, ring, unusual, Payment.cents, Merchant.category, Device.kind],
    learner=GradientBoosting(trees=300, leaves=8, learning_rate=0.03, min_rows=10, reg=10),
)
# A fraud let through loses 170 on average, and 21 days see half of the chargebacks: of what is seen, each stands for two or more.
scored = Pipeline(Itself(), risk, Act({"decline": Cost(4, 25), "review": Cost(2, 800)}, otherwise="approve", audit=0.02, to="approve"))
ruled = Pipeline(Itself(), Rules(suspicious), Act({"decline": 0.9, "review": 0.5}, otherwise="approve", audit=0.02, to="approve"))

fraud = System(
    Payment,
    policy=Fallback(scored, to=ruled, after="80ms"),
    monitors=[Drift(risk), Calibration(charged, over="14d")],
    retrain=Retrain(every="7d", on=[], gate=NotWorse("pr_auc"), rollout=Canary("10%", "100%", watch="2d"), history="180d", warmup="36d"),
)
