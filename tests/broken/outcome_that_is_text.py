"""outcome_that_is_text.py:7: why: Chargeback.reason is text, which no model can predict: compare it with something, or name a number"""

from payments import Chargeback, Transfer

from millrace import Act, Itself, Logistic, Model, Pipeline, System, outcome

why = outcome(Chargeback.reason, within="60d", take="last")
risk = Model(why, features=[Transfer.cents], learner=Logistic())

fraud = System(Transfer, policy=Pipeline(Itself(), risk, Act({"decline": 0.9}, otherwise="approve")))
