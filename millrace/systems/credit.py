"""Credit: approve or decline an application; whether who was approved misses a payment is known weeks later."""

import numpy as np

from millrace import (
    Act,
    Array,
    Calibration,
    Cost,
    Drift,
    Event,
    Fallback,
    GradientBoosting,
    Itself,
    Logistic,
    Model,
    NotWorse,
    Pipeline,
    Ref,
    Request,
    Retrain,
    System,
    feature,
    outcome,
)


class Application(Request):
    """A card holder asks for credit. `late_1` is the month before, `late_6` half a year ago; so are bills and payments."""

    limit: int
    age: int
    education: str
    sex: str
    marriage: str
    late_1: int
    late_2: int
    late_3: int
    late_4: int
    late_5: int
    late_6: int
    bill_1: int
    bill_2: int
    bill_3: int
    bill_4: int
    bill_5: int
    bill_6: int
    paid_1: int
    paid_2: int
    paid_3: int
    paid_4: int
    paid_5: int
    paid_6: int


class Default(Event):
    """The card holder missed the next payment."""

    application: Ref[Application]


late = [Application.late_1, Application.late_2, Application.late_3, Application.late_4, Application.late_5, Application.late_6]
bills = [Application.bill_1, Application.bill_2, Application.bill_3, Application.bill_4, Application.bill_5, Application.bill_6]
paid = [Application.paid_1, Application.paid_2, Application.paid_3, Application.paid_4, Application.paid_5, Application.paid_6]


def months(ask: Application, of: str) -> Array:
    """Return the six months of bills, payments or delays side by side. Shape (6, rows)."""
    return np.stack([getattr(ask, f"{of}_{month}") for month in range(1, 7)])


@feature
def months_late(ask: Application) -> Array:
    """In how many of the six months the payment was late."""
    return (months(ask, "late") > 0).sum(axis=0)


@feature
def longest_late(ask: Application) -> Array:
    """How many months late the worst payment was."""
    return months(ask, "late").max(axis=0)


@feature
def used(ask: Application) -> Array:
    """How much of the limit the last bill took up."""
    return np.divide(ask.bill_1, ask.limit)


@feature
def usually_used(ask: Application) -> Array:
    """How much of the limit an average bill took up."""
    return months(ask, "bill").mean(axis=0) / ask.limit


@feature
def repaid(ask: Application) -> Array:
    """How much of what was billed was paid."""
    return months(ask, "paid").sum(axis=0) / np.maximum(months(ask, "bill").sum(axis=0), 1)


@feature
def pays(ask: Application) -> Array:
    """How much an average payment was, beside the limit."""
    return months(ask, "paid").mean(axis=0) / ask.limit


# Sex and marital status are asked so that decisions can be audited by them; no model reads them.
known = [Application.limit, Application.age, Application.education, late, bills, paid]
worked_out = [months_late, longest_late, used, usually_used, repaid, pays]

defaulted = outcome(Default, within="60d", seen_if="approve")
trees = Model(defaulted, features=[known, worked_out], learner=GradientBoosting(trees=400, leaves=8, min_rows=50))
line = Model(defaulted, features=[known, worked_out], learner=Logistic())

# A default costs five times what an honest payer brings; one in a hundred of those declined is approved, to see what comes of it.
declined = Cost(false_positive=1, false_negative=5)
boosted = Pipeline(Itself(), trees, Act({"decline": declined}, otherwise="approve", audit=0.01, to="approve"))
linear = Pipeline(Itself(), line, Act({"decline": declined}, otherwise="approve", audit=0.01, to="approve"))

credit = System(
    Application,
    policy=Fallback(boosted, to=linear, after="50ms"),
    monitors=[Drift(trees), Calibration(defaulted)],
    retrain=Retrain(every="7d", on=[Drift], gate=NotWorse("auc"), history="400d"),
)
