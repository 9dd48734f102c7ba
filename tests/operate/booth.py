"""A booth that shows one of its banners to whoever comes by: what it believes of them follows the log."""

from millrace import Arms, BetaBelief, Entity, Event, Model, Pipeline, Ref, Request, System, Thompson, outcome


class Person(Entity):
    """Who comes by."""


class Banner(Entity):
    """What is shown."""

    side: str


class Visit(Request):
    """Someone comes by."""

    person: Ref[Person]
    side: str = "front"


class Stop(Event):
    """Someone stopped for a banner."""

    person: Ref[Person]
    banner: Ref[Banner]


stopped = outcome(Stop, within="10m")
belief = Model(stopped, features=[Banner.id], learner=BetaBelief(), updates="5m")
shown = Pipeline(Arms(Banner.side, of=Visit.side), belief, Thompson(floor=0.01))

booth = System(Visit, candidate=Banner, policy=shown)
