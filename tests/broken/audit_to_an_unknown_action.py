"""audit_to_an_unknown_action.py:7: acts: Act(audit=0.01, to='review'): not one of its actions; use one of decline, approve"""

from payments import Transfer

from millrace import Act, Itself, Pipeline, Rules, System

acts = Act({"decline": 90_000}, otherwise="approve", audit=0.01, to="review")

fraud = System(Transfer, policy=Pipeline(Itself(), Rules(Transfer.cents), acts))
