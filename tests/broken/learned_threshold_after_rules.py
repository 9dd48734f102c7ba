"""learned_threshold_after_rules.py:7: ruled: Precision(...) is learned from a model's scores, but Rules(...) score here: give Act() a number instead"""

from payments import Transfer

from millrace import Act, Itself, Pipeline, Precision, Rules, System

ruled = Pipeline(Itself(), Rules(Transfer.cents), Act({"review": Precision(0.2)}, otherwise="approve"))

fraud = System(Transfer, policy=ruled)
