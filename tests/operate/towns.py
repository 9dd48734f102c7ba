"""A stand whose guests come from four towns and pay every day for a week: coffee is worth more in one town, and less from day to day."""

import random
from pathlib import Path
from typing import NamedTuple

from millrace.types import DAY, HOUR, MINUTE, moment
from tests.operate.stand import MODULE, Open, Stand, stand

TOWNS = ("oslo", "rome", "lima", "bonn")
DAYS = 7
TOWN_MODULE = (
    MODULE.replace("class Visit(Request):\n    guest: Ref[Guest]", "class Visit(Request):\n    guest: Ref[Guest]\n    town: str = ''")
    .replace('within="1d", covariates=(Pay.amount,), before="7d"', 'within="7d"')
    .replace("margin=0.2)],\n)", "margin=0.2)],\n    segments=[Visit.town, paid_before],\n)")
)


class Paid(NamedTuple):
    """What a guest paid on a day, counted from the first visit."""

    guest: int
    day: int
    amount: float


class Lived(NamedTuple):
    """What is known of a world without its log."""

    of: Stand
    now: int
    arm: dict[int, str]
    before: dict[int, int]
    paid: list[Paid]


def lived(folder: Path, guests: int, seed: int = 3) -> Lived:
    """Let guests come over two days and pay on each of the seven days that follow."""
    of = stand(folder, TOWN_MODULE)
    chance, now = random.Random(seed), Open(of)
    now.stock()
    before = {n: chance.randint(1, 4) for n in range(guests)}
    for n, times in before.items():
        for _ in range(times):
            now.time.now += MINUTE
            now.pay(f"g{n}", 1.0)
    begun, arm, paid = now.time.now + HOUR, dict[int, str](), list[Paid]()
    first = {n: begun + n * 2 * DAY // guests for n in range(guests)}
    for n, at in first.items():
        now.time.now = at
        [made] = now.engine.decide([now.kinds["Visit"](id=f"v{n}", at=moment(at), guest=f"g{n}", town=TOWNS[n % 4])])
        arm[n] = made.candidate[0]
    for at, n, day in sorted((first[n] + day * DAY + chance.randint(1, 23) * HOUR, n, day) for n in range(guests) for day in range(DAYS)):
        more = (3.0 if TOWNS[n % 4] == "rome" else 1.0) * 0.75**day if arm[n] == "coffee" else 0.0
        paid.append(Paid(n, day, chance.gauss(5.0, 1.5) + more))
        now.time.now = at
        now.pay(f"g{n}", paid[-1].amount)
    now.time.now = begun + 12 * DAY
    now.pay("passer-by", 1.0)
    now.close()
    return Lived(of, now.time.now, arm, before, paid)
