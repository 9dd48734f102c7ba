"""field_that_decisions_need.py:10: Claim.policy: a decision keeps a policy of its own beside what was asked: give the field another name"""

from payments import Account

from millrace import Act, Itself, Pipeline, Ref, Request, Rules, System


class Claim(Request):
    holder: Ref[Account]
    policy: str
    cents: int


claims = System(Claim, policy=Pipeline(Itself(), Rules(Claim.cents), Act({"review": 100_000}, otherwise="pay")))
