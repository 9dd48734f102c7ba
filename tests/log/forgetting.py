"""Logs with people in them, at random, and what is whose: the plain truth that forgetting is compared with."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from millrace.decision import Decision, Decisions
from millrace.features.declare import count, last, mean
from millrace.features.online import OnlineView
from millrace.features.plan import Plan, plan
from millrace.log.log import Log
from millrace.schema import Entity, Event, Private, Ref, Request, Shown
from millrace.types import MINUTE, SECOND, Array, moment, objects
from tests.log.world import NOON


class Person(Entity):
    city: str = ""
    email: Private[str] | None = None


class Film(Entity):
    maker: Ref[Person] | None = None
    kind: str = ""


class Seen(Event):
    person: Ref[Person]
    film: Ref[Film]
    seconds: float


class Gift(Event):
    giver: Ref[Person] | None = None
    taker: Ref[Person] | None = None
    words: Private[str] = ""


class Ask(Request):
    person: Ref[Person]


class Complaint(Event):
    about: Ref[Ask]
    text: Private[str]


class Reply(Event):
    to: Ref[Complaint]


STREAMS: list[Any] = [Person, Film, Seen, Gift, Ask, Complaint, Reply]
PEOPLE = [f"person-{n}" for n in range(5)]
FILMS = [f"film-{n}" for n in range(4)]

FEATURES: list[Any] = [
    count(Seen, per=Film, over="30m"),
    mean(Seen.seconds, per=Person, over="7d"),
    count(Seen, per=Person.city, over="7d"),
    last(Gift.giver, per=Gift.taker, over="7d"),
    count(Shown[Ask, Film], per=Film, over="7d"),
    Film.kind,
]


def planned() -> Plan:
    return plan(Ask, Film, [*FEATURES[:3], FEATURES[4], FEATURES[5]])


@dataclass
class Life:
    """Items in the order they are appended, each with the instant it becomes known."""

    items: list[tuple[int, Any]] = field(default_factory=list)

    @classmethod
    def random(cls, seed: int, length: int = 60) -> "Life":
        """Return a life in which people see films, give, ask, complain and are answered."""
        chance = np.random.default_rng(seed)
        life, now = cls(), NOON
        asked: list[str] = []
        complained: list[str] = []
        for n in range(length):
            now += int(chance.integers(1, 5 * MINUTE))
            person, other = (PEOPLE[chance.integers(len(PEOPLE))] for _ in range(2))
            film, at = FILMS[chance.integers(len(FILMS))], moment(now - int(chance.integers(0, MINUTE)))
            match chance.integers(8):
                case 0:
                    city = f"city-of-{person}" if chance.random() < 0.5 else "here"
                    item: Any = Person(id=person, city=city, email=f"{person}@x.example")
                case 1:
                    item = Film(id=film, maker=other if chance.random() < 0.4 else None, kind=f"kind-{n % 3}")
                case 2 | 3 | 4:
                    item = Seen(id=f"seen-{n}", at=at, person=person, film=film, seconds=float(n))
                case 5:
                    item = Gift(id=f"gift-{n}", at=at, giver=person, taker=other, words=f"from {person} to {other}")
                case 6 if asked:
                    item = Complaint(id=f"complaint-{n}", at=at, about=asked[chance.integers(len(asked))], text=f"words-{n}")
                    complained.append(item.id)
                case 7 if complained:
                    item = Reply(id=f"reply-{n}", at=at, to=complained[chance.integers(len(complained))])
                case _:
                    item = Ask(id=f"ask-{n}", at=at, person=person)
                    asked.append(item.id)
                    life.items.append((now, item))
                    now += 1
                    taken = [str(one) for one in chance.permutation(FILMS)[:2]]
                    item = Decision(id=f"ask-{n}", at=now, system="films", watermark=now, candidate=taken, taken=1, features={"f": [1.0]})
            life.items.append((now, item))
        return life

    def without(self, person: str) -> "Life":
        """Return the life of the others: said the slow way, item by item."""
        gone: set[tuple[str, str]] = set()
        kept = []
        for known, item in self.items:
            owner = type(item).__name__
            mine = {
                "Person": lambda item: item.id == person,
                "Film": lambda item: item.maker == person,
                "Seen": lambda item: item.person == person,
                "Gift": lambda item: person in (item.giver, item.taker),
                "Ask": lambda item: item.person == person,
                "Decision": lambda item: ("Ask", item.id) in gone,
                "Complaint": lambda item: ("Ask", item.about) in gone,
                "Reply": lambda item: ("Complaint", item.to) in gone,
            }[owner](item)
            if mine:
                gone.add((owner, item.id))
            else:
                kept.append((known, item))
        return Life(kept)

    def write(self, log: Log, seed: int) -> None:
        """Append all, compacting now and then."""
        chance = np.random.default_rng(seed)
        for known, item in self.items:
            log.append([item], known)
            if chance.random() < 0.1:
                log.compact(slice_rows=int(chance.integers(1, 30)), fan_in=int(chance.integers(2, 5)))


def contents(log: Log) -> dict[str, list[tuple[Any, ...]]]:
    """Return all records by stream, positions left out: those of a log without gaps are others."""
    found = {}
    for owner in (*STREAMS, Decision):
        codec = log.store.streams.of(owner)
        rows = log.read(owner, list(codec.held))
        names = [name for name in rows if name != "position"]
        found[codec.name] = [tuple(one) for one in zip(*(rows[name].tolist() for name in names), strict=True)]
    return found


def viewed(log: Log) -> OnlineView:
    """Return the online view rebuilt from a log."""
    view = OnlineView(planned())
    for batch in log.replay(streams=view.plan.streams):
        view.apply(batch)
    return view


def looked_up(view: OnlineView, watermark: int) -> dict[str, Array]:
    """Return every feature of every person and film."""
    people, films = [objects(one) for one in zip(*((p, f) for p in PEOPLE for f in FILMS), strict=True)]
    n = len(people)
    requests = {"id": objects(f"r{i}" for i in range(n)), "at": np.full(n, watermark), "person": people}
    rows = {"request": np.arange(n), "candidate": films}
    return view.lookup(list(view.plan.features.values()), Decisions(requests, rows), watermark)


def end_of(life: Life) -> int:
    return max(known for known, _ in life.items) + 10 * SECOND
