"""judgements_of_something_else.py:20: risk: Judged(Complaint) does not say which Transfer was judged: give Complaint one field of type Ref[Transfer]"""

from payments import Account, Transfer

from millrace import Act, Event, Itself, Judged, Logistic, Model, Pipeline, Ref, System, outcome


class Verdict(Event):
    account: Ref[Account]
    transfer: Ref[Transfer]
    fraudulent: bool


class Complaint(Event):
    account: Ref[Account]
    justified: bool


bad = outcome(Verdict.fraudulent, within="3d")
risk = Model(bad, features=[Transfer.cents], learner=Logistic(), examples=Judged(Complaint))

fraud = System(Transfer, policy=Pipeline(Itself(), risk, Act({"decline": 0.9}, otherwise="approve")))
