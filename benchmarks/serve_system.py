"""A payment of 30 numbers and the risk in it: what `serve.py` measures."""

from millrace import Act, Event, GradientBoosting, Itself, Model, Pipeline, Ref, Request, System, outcome


class Payment(Request):
    """Someone pays; its 30 numbers were computed elsewhere."""

    f0: float
    f1: float
    f2: float
    f3: float
    f4: float
    f5: float
    f6: float
    f7: float
    f8: float
    f9: float
    f10: float
    f11: float
    f12: float
    f13: float
    f14: float
    f15: float
    f16: float
    f17: float
    f18: float
    f19: float
    f20: float
    f21: float
    f22: float
    f23: float
    f24: float
    f25: float
    f26: float
    f27: float
    f28: float
    f29: float


class Dispute(Event):
    """It was not them."""

    payment: Ref[Payment]


disputed = outcome(Dispute, within="1d", seen_if="approve")
numbers = [getattr(Payment, f"f{n}") for n in range(30)]
risk = Model(disputed, features=numbers, learner=GradientBoosting(trees=300, patience=None))
till = System(Payment, policy=Pipeline(Itself(), risk, Act({"refuse": 0.5}, otherwise="approve")))
