"""dropped_though_it_is_referred_to.py:8: Payment: Payment is kept 90d, but what refers to it later reads its account: drop retain=, or let that have a field account of its own"""

from payments import Account

from millrace import Act, Event, Itself, Pipeline, Ref, Request, Rules, System, count


class Payment(Request, retain="90d"):
    account: Ref[Account]


class Dispute(Event):
    payment: Ref[Payment]


disputes = count(Dispute, per=Dispute.payment.account, over="30d")

fraud = System(Payment, policy=Pipeline(Itself(), Rules(disputes), Act({"decline": 2}, otherwise="approve")))
