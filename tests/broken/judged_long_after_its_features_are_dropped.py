"""judged_long_after_its_features_are_dropped.py:22: risk: its examples go back as far as the log, and count(Tap) per (Account) over 7d by 3h reads Tap, which is dropped with time: leave the feature out, learn from Decided(), or drop retain="""

from payments import Account

from millrace import Act, Event, Itself, Judged, Logistic, Model, Pipeline, Ref, Request, System, count, outcome


class Payment(Request):
    account: Ref[Account]


class Verdict(Event):
    payment: Ref[Payment]
    fraudulent: bool


class Tap(Event, retain="30d"):
    account: Ref[Account]


bad = outcome(Verdict.fraudulent, within="3d")
risk = Model(bad, features=[count(Tap, per=Account, over="7d")], learner=Logistic(), examples=Judged(Verdict))

fraud = System(Payment, policy=Pipeline(Itself(), risk, Act({"decline": 0.9}, otherwise="approve")))
