"""act_without_a_score.py:7: careful: Act() has no score to cut: put a model or Rules(...) before it"""

from payments import Transfer

from millrace import Act, Itself, Pipeline, System

careful = Pipeline(Itself(), Act({"decline": 0.9}, otherwise="approve"))

fraud = System(Transfer, policy=careful)
