"""sum_of_a_text.py:7: lost: total(): Chargeback.reason is text, which has no total: use last(Chargeback.reason), or an expression that is a number"""

from payments import Chargeback, Transfer

from millrace import Act, Itself, Pipeline, Rules, System, total

lost = total(Chargeback.reason, per=Transfer.sender, over="90d")

fraud = System(Transfer, policy=Pipeline(Itself(), Rules(lost), Act({"decline": 1}, otherwise="approve")))
