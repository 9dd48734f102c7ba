"""seen_after_an_unknown_action.py:7: charged: seen_if names the action 'approved', which no Act() takes: use approve or decline or review"""

from payments import Chargeback, Transfer

from millrace import Act, Itself, Logistic, Model, Pipeline, System, outcome

charged = outcome(Chargeback, within="60d", seen_if=("approved", "review"))
risk = Model(charged, features=[Transfer.cents], learner=Logistic())
scored = Pipeline(Itself(), risk, Act({"decline": 0.9, "review": 0.5}, otherwise="approve"))

fraud = System(Transfer, policy=scored)
