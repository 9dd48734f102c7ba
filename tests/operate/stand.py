"""A stand that offers tea or coffee, and guests who pay by their purse: so small that what an arm is worth is known."""

import random
from pathlib import Path
from typing import Any, NamedTuple

from millrace.loaded import Loaded
from millrace.loading import load
from millrace.operate.history import LogHistory
from millrace.operate.simulation import SimulatedTime
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import DAY, HOUR, MINUTE, moment

START = 1_767_268_800_000_000
LIFT = 2.0
"""How much more a guest pays for coffee."""

MODULE = """
from datetime import datetime
from millrace import Entity, Event, Experiment, Fresh, Pipeline, Ref, Request, Rules, System, Top, count, outcome
from millrace.experiments.metrics import Count, Mean, Proportion, Ratio, Retention
from millrace.experiments.non_inferior import NonInferior
from millrace.experiments.scorecard import Scorecard

class Drink(Entity):
    tea: float
    coffee: float
    since: datetime

class Guest(Entity):
    town: str

class Visit(Request):
    guest: Ref[Guest]

class Pay(Event):
    guest: Ref[Guest]
    amount: float

class Complaint(Event):
    visit: Ref[Visit]

class Sip(Event):
    visit: Ref[Visit]
    drink: Ref[Drink]

paid_before = count(Pay, per=Guest, over="7d")
sipped = outcome(Sip, within="10m")
drinks = Fresh(Drink.since, take=2)
tea = Pipeline(drinks, Rules(Drink.tea), Top(1))
coffee = Pipeline(drinks, Rules(Drink.coffee), Top(1))
card = Scorecard(
    Mean(Pay.amount, name="paid", within="1d", covariates=(Pay.amount,), before="7d"),
    secondary=[
        Count(Visit, name="visits", within="1d"),
        Proportion(sipped, name="sipped", within="1d"),
        Ratio(sipped, Visit, name="sips per visit", within="1d"),
        Retention(Visit, name="came back", after="1h", within="1d"),
    ],
    guardrails=[NonInferior(Proportion(Complaint, name="complained", better="less", within="1d"), margin=0.2)],
)
served = Experiment({"tea": tea, "coffee": coffee}, unit=Visit.guest, scorecard=card)
stand = System(Visit, candidate=Drink, policy=served)
"""


class Stand(NamedTuple):
    """A stand: its module, its folder, what it was loaded as."""

    module: Path
    folder: Path
    loaded: Loaded

    def opened(self) -> tuple[Home, LogHistory]:
        """Return its home and its log, to be read."""
        home = Home(self.folder, self.loaded, read_only=True)
        return home, LogHistory(home.log, self.loaded)


def stand(folder: Path, module: str = MODULE) -> Stand:
    """Return a stand that nobody has come to yet."""
    path = folder / "stand.py"
    path.write_text(module)
    return Stand(path, folder / "home", load(str(path)))


class Open:
    """A stand while guests come.

    Args:
        of: The stand.
        at: When it is opened, microseconds.
    """

    def __init__(self, of: Stand, at: int = START) -> None:
        self.kinds: Any = of.loaded.streams
        self.home = Home(of.folder, of.loaded)
        self.time = SimulatedTime(at)
        self.engine = Engine(of.loaded, self.home, now=self.time, patient=True)

    def stock(self) -> None:
        """Put both drinks on the list."""
        begun = moment(self.time.now)
        self.engine.ingest([self.kinds["Drink"](id="tea", tea=1.0, coffee=0.0, since=begun)])
        self.engine.ingest([self.kinds["Drink"](id="coffee", tea=0.0, coffee=1.0, since=begun)])

    def pay(self, guest: str, amount: float) -> None:
        """Let a guest pay."""
        self.engine.ingest([self.kinds["Pay"](at=moment(self.time.now), guest=guest, amount=amount)])

    def visit(self, guest: str, name: str) -> Any:
        """Let a guest come; return what was decided."""
        [made] = self.engine.decide([self.kinds["Visit"](id=name, at=moment(self.time.now), guest=guest)])
        return made

    def close(self) -> None:
        """Close it."""
        self.engine.close()
        self.home.close()


def lived(of: Stand, guests: int, seed: int = 3, lift: float = LIFT) -> int:
    """Let guests come once or twice over three days and pay by their purse, more for coffee; return when all of it is old enough."""
    chance, open_ = random.Random(seed), Open(of)
    open_.stock()
    purse = {f"g{n}": chance.gauss(10.0, 3.0) for n in range(guests)}
    for guest, amount in purse.items():
        open_.time.now += MINUTE
        open_.pay(guest, amount + chance.gauss(0.0, 1.0))
    begun = open_.time.now + HOUR
    for n, (guest, amount) in enumerate(purse.items()):
        open_.time.now = begun + n * 2 * DAY // guests
        made = open_.visit(guest, f"v{n}")
        more = lift * (made.candidate[0] == "coffee")
        open_.time.now += MINUTE
        open_.pay(guest, amount + more + chance.gauss(0.0, 1.5))
        if chance.random() < 0.5 + 0.2 * (more > 0):
            open_.engine.ingest([open_.kinds["Sip"](at=moment(open_.time.now), visit=made.id, drink=made.candidate[0])])
        if chance.random() < 0.05:
            open_.engine.ingest([open_.kinds["Complaint"](at=moment(open_.time.now), visit=made.id)])
    open_.time.now = begun + 2 * DAY + DAY + HOUR
    open_.pay("passer-by", 1.0)
    open_.close()
    return open_.time.now
