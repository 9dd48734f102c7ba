"""two_references_to_the_key.py:7: busy[Account, 1h]: Transfer reaches Account in 2 ways: write per=Transfer.sender or per=Transfer.receiver"""

from payments import Account, Transfer

from millrace import Act, Itself, Pipeline, Rules, System, count

busy = count(Transfer, per=Account, over=["1h", "24h"])
ruled = Pipeline(Itself(), Rules(busy["1h"]), Act({"decline": 5}, otherwise="approve"))

fraud = System(Transfer, policy=ruled)
