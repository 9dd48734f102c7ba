"""interleaved_actions.py:9: compared: its arm 'strict' acts, and only slates can be merged: end its pipelines with Top(...)"""

from payments import Transfer

from millrace import Act, Interleave, Itself, Pipeline, Rules, System

strict = Pipeline(Itself(), Rules(Transfer.cents), Act({"decline": 90_000}, otherwise="approve"))
mild = Pipeline(Itself(), Rules(Transfer.cents), Act({"decline": 900_000}, otherwise="approve"))
compared = Interleave({"strict": strict, "mild": mild})

fraud = System(Transfer, policy=compared)
