"""cached_actions.py:8: kept: it would repeat what was done about another request: decide anew on each, without Cached(...)"""

from payments import Transfer

from millrace import Act, Cached, Itself, Pipeline, Rules, System

acts = Act({"decline": 90_000}, otherwise="approve")
kept = Cached(Pipeline(Itself(), Rules(Transfer.cents), acts), key=Transfer.sender, life="30s")

fraud = System(Transfer, policy=kept)
