"""A stand whose guests buy cups of many farms: those who are served coffee buy of all of them, those who are served tea of a few."""

import random
from pathlib import Path
from typing import NamedTuple

from millrace.types import DAY, HOUR, MINUTE, moment
from tests.operate.stand import MODULE, Open, Stand, stand

FARMS = 12
"""With a record; one of them sells nothing, and one more is named by a cup alone."""
SIDE = 'other_side=[OtherSide(Buy.amount, per=Cup.farm, name="farms", within="2d", top=0.25)]'
FARM_MODULE = (
    MODULE.replace(
        "class Visit(Request):",
        "class Farm(Entity):\n    land: str\n\n"
        "class Cup(Entity):\n    farm: Ref[Farm] | None\n\n"
        "class Buy(Event):\n    guest: Ref[Guest]\n    cup: Ref[Cup]\n    amount: float\n\n"
        "class Visit(Request):",
    )
    .replace("import Entity, Event, Experiment, Fresh,", "import Entity, Event, Experiment, Fresh, OtherSide,")
    .replace("margin=0.2)],\n)", f"margin=0.2)],\n    {SIDE},\n)")
)


class Bought(NamedTuple):
    """What counts: a guest's purchase within two days of the first visit, and the farm of the cup as it was known then."""

    guest: str
    farm: str
    amount: float


class Lived(NamedTuple):
    """What is known of a world without its log."""

    of: Stand
    now: int
    arm: dict[str, str]
    bought: list[Bought]


def lived(folder: Path, guests: int, seed: int = 5) -> Lived:
    """Let guests come over a day and buy for four days."""
    of = stand(folder, FARM_MODULE)
    chance, now = random.Random(seed), Open(of)
    now.stock()
    kinds = now.kinds
    now.engine.ingest([kinds["Farm"](id=f"farm{n}", land="nl" if n % 2 else "de") for n in range(FARMS)])
    now.engine.ingest([kinds["Cup"](id=f"cup{n}", farm=f"farm{n}") for n in range(FARMS - 1)])
    now.engine.ingest([kinds["Cup"](id="stray", farm=None), kinds["Cup"](id="wild", farm="farm without a record")])
    begun, arm, bought = now.time.now + HOUR, dict[str, str](), list[Bought]()
    first = {f"g{n}": begun + n * DAY // guests for n in range(guests)}
    moved = begun + DAY

    def buy(at: int, guest: str) -> None:
        cups = range(FARMS - 1) if arm.get(guest) == "coffee" else range(3)
        amount, cup = round(chance.uniform(1.0, 5.0), 2), f"cup{chance.choice(cups)}"
        cup = "wild" if cup == "cup10" else cup
        now.time.now = at
        now.engine.ingest([kinds["Buy"](at=moment(at), guest=guest, cup=cup, amount=amount)])
        if guest in arm and at - first[guest] < 2 * DAY:
            farm = "farm without a record" if cup == "wild" else "farm5" if cup == "cup4" and at > moved else f"farm{cup[3:]}"
            bought.append(Bought(guest, farm, amount))

    for guest in first:  # before they are in an arm: it counts for nobody
        buy(now.time.now + MINUTE // guests + 1, guest)
    later = [(at + chance.randint(1, 90) * HOUR, guest) for guest, at in first.items() for _ in range(4)]
    for at, guest in sorted([*((at, f"visit {guest}") for guest, at in first.items()), (moved, "move"), *later]):
        now.time.now = at
        if guest == "move":
            now.engine.ingest([kinds["Cup"](id="cup4", farm="farm5")])
        elif guest.startswith("visit "):
            [made] = now.engine.decide([kinds["Visit"](id=guest, at=moment(at), guest=guest.removeprefix("visit "))])
            arm[guest.removeprefix("visit ")] = made.candidate[0]
        else:
            buy(at, guest)
    now.engine.ingest([kinds["Buy"](at=moment(now.time.now), guest="passer-by", cup="cup0", amount=1.0)])
    now.time.now = begun + 8 * DAY
    now.pay("passer-by", 1.0)
    now.close()
    return Lived(of, now.time.now, arm, bought)
