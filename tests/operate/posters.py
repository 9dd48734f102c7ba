"""A wall that shows posters by chance, and a door that opens by chance: so small that another policy's worth is known by sums."""

import random
from pathlib import Path
from typing import NamedTuple

from millrace.loaded import Loaded
from millrace.loading import load
from millrace.operate.loop import Operator
from millrace.operate.simulation import SimulatedTime
from millrace.serve.engine import Engine
from millrace.serve.home import Home
from millrace.types import MINUTE, moment

_START = 1_767_268_800_000_000

_WALL = """
from datetime import datetime
from millrace import (
    BetaBelief, Entity, EpsilonGreedy, Event, Fallback, Fresh, GradientBoosting, Model, Pipeline, Ref, Request, Rules, System, Thompson,
    Top, UCB1, outcome,
)

class Poster(Entity):
    bold: float
    calm: float
    hung_at: datetime

class Visitor(Entity):
    town: str

class Look(Request):
    visitor: Ref[Visitor]

class Tap(Event):
    look: Ref[Look]

tapped = outcome(Tap, within="5m")
hung = Fresh(Poster.hung_at, take=3)
"""

WALL = f"""{_WALL}
bold = Pipeline(hung, Rules(Poster.bold), Top(PLACES, explore=0.6))
calm = Pipeline(hung, Rules(Poster.calm), Top(PLACES, explore=0.3))
surely = Pipeline(hung, Rules(Poster.bold), Top(PLACES))
last = Pipeline(hung, Rules(Poster.calm), Top(1))
ranker = Model(tapped, features=[Poster.bold], learner=GradientBoosting())
learned = Pipeline(hung, ranker, Top(PLACES, explore=0.3))
wall = System(Look, candidate=Poster, policy=Fallback(learned, to=bold, after="1s"))
"""

BANDIT = f"""{_WALL}
belief = Model(tapped, features=[Poster.id], learner=BetaBelief(), updates="1h")
thompson = Pipeline(hung, belief, Thompson(floor=0.1))
greedy = Pipeline(hung, belief, EpsilonGreedy(epsilon=0.3))
hoping = Pipeline(hung, belief, UCB1())
wall = System(Look, candidate=Poster, policy=thompson)
"""

DOOR = """
from millrace import Act, Entity, Event, Fallback, GradientBoosting, Itself, Model, Pipeline, Ref, Request, Rules, System, outcome

class Visitor(Entity):
    town: str

class Knock(Request):
    visitor: Ref[Visitor]
    height: float = 0.0

class Thanks(Event):
    knock: Ref[Knock]

thanked = outcome(Thanks, within="5m")
strict = Pipeline(Itself(), Rules(Knock.height), Act({"open": 0.5}, otherwise="wait", audit=0.4, to="open"))
kind = Pipeline(Itself(), Rules(Knock.height), Act({"open": 0.2}, otherwise="wait", audit=0.1, to="wait"))
judge = Model(thanked, features=[Knock.height], learner=GradientBoosting())
learned = Pipeline(Itself(), judge, Act({"open": 0.5}, otherwise="wait"))
door = System(Knock, policy=Fallback(learned, to=strict, after="1s"))
"""

TAPS = {"red": 0.6, "green": 0.3, "blue": 0.1}
"""How often a poster is tapped. The bold policy likes red best, then green; the calm one blue, then green."""


class Decided(NamedTuple):
    """A system that has decided: its module, its home, what it was loaded as."""

    module: Path
    home: Path
    loaded: Loaded


def wall(folder: Path, looks: int, places: int = 1, seed: int = 5, text: str = WALL) -> Decided:
    """Return a wall whose visitors tap what is shown by chance."""
    made = _written(folder, "wall", text.replace("PLACES", str(places)))
    kinds, chance = made.loaded.streams, random.Random(seed)
    engine, time = _engine(made)
    operator = Operator(engine)
    hung = [("red", 3.0, 1.0), ("green", 2.0, 2.0), ("blue", 1.0, 3.0)]
    engine.ingest([kinds["Poster"](id=name, bold=bold, calm=calm, hung_at=moment(_START)) for name, bold, calm in hung])
    for n in range(looks):
        time.now += MINUTE
        [decided] = engine.decide([kinds["Look"](id=f"look-{n}", at=moment(time.now), visitor=f"visitor-{n % 60}")])
        if any(chance.random() < TAPS[one] for one in decided.candidate[: decided.taken]):
            engine.ingest([kinds["Tap"](at=moment(time.now), look=decided.id)])
        if text == BANDIT and n % 20 == 0:
            operator.step(time.now)
    return _closed(made, engine, time)


def door(folder: Path, knocks: int, seed: int = 5) -> Decided:
    """Return a door at which who is let in gives thanks by chance, the tall more often."""
    made = _written(folder, "door", DOOR)
    kinds, chance = made.loaded.streams, random.Random(seed)
    engine, time = _engine(made)
    for n in range(knocks):
        time.now += MINUTE
        height = chance.random()
        [decided] = engine.decide([kinds["Knock"](id=f"knock-{n}", at=moment(time.now), visitor=f"visitor-{n % 60}", height=height)])
        if decided.action == "open" and chance.random() < height:
            engine.ingest([kinds["Thanks"](at=moment(time.now), knock=decided.id)])
    return _closed(made, engine, time)


def _written(folder: Path, name: str, text: str) -> Decided:
    module = folder / f"{name}.py"
    module.write_text(text)
    return Decided(module, folder / ".millrace", load(str(module)))


def _engine(made: Decided) -> tuple[Engine, SimulatedTime]:
    time = SimulatedTime(_START)
    return Engine(made.loaded, Home(made.home, made.loaded), now=time, patient=True), time


def _closed(made: Decided, engine: Engine, time: SimulatedTime) -> Decided:
    """Let the last outcomes' time run out, and close."""
    time.now += 10 * MINUTE
    engine.ingest([made.loaded.streams["Visitor"](id="late", town="here")])
    engine.close()
    engine.home.close()
    return made
