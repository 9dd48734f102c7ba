"""A till: let a payment through or not. The request is its one candidate, and there is an action."""

from millrace import (
    Act,
    Entity,
    Event,
    Fallback,
    Itself,
    Logistic,
    Model,
    Pipeline,
    Precision,
    Ref,
    Request,
    Rules,
    System,
    count,
    outcome,
    total,
)


class Card(Entity):
    """What is paid with."""

    country: str


class Payment(Request):
    """Someone pays."""

    card: Ref[Card]
    cents: int


class Dispute(Event):
    """It was not them."""

    payment: Ref[Payment]
    note: str = ""


payments = count(Payment, per=Card, over="1d")
spent = total(Payment.cents, per=Card, over="1d")

disputed = outcome(Dispute, within="1d", seen_if="approve")
risk = Model(disputed, features=[payments, spent, Payment.cents], learner=Logistic())

scored = Pipeline(Itself(), risk, Act({"refuse": Precision(0.5)}, otherwise="approve"))
ruled = Pipeline(Itself(), Rules(spent), Act({"refuse": 1000.0}, otherwise="approve"))

till = System(Payment, policy=Fallback(scored, to=ruled, after="10s"))
