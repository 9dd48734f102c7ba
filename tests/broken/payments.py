"""What the payment systems beside it share: nothing is wrong here."""

from millrace import Entity, Event, Ref, Request, outcome


class Account(Entity):
    country: str


class Transfer(Request):
    sender: Ref[Account]
    receiver: Ref[Account]
    cents: int


class Chargeback(Event):
    transfer: Ref[Transfer]
    reason: str


charged = outcome(Chargeback, within="60d")
