"""What is withdrawn is left out from the next decision on, and every decision before it stays provable."""

from pathlib import Path

from millrace.operate.history import LogHistory
from millrace.operate.verify import verify
from millrace.types import DAY, EVER
from tests.serve.tiny import NOON, NOW, served

STALL = '''"""Goods that may be withdrawn."""

from datetime import datetime

from millrace import Entity, Event, Fresh, Only, Pipeline, Ref, Request, Rules, System, Top, Trending, count


class Good(Entity):
    added_at: datetime
    on_sale: bool = True


class Buy(Event):
    good: Ref[Good]


class Look(Request):
    limit: int = 9


bought = count(Buy, per=Good, over="7d")
sold = Pipeline(Trending(Buy.good) | Fresh(Good.added_at), Only(Good.on_sale), Rules(bought), Top(Look.limit))
stall = System(Look, candidate=Good, policy=sold)
'''


def test_what_is_withdrawn_or_was_never_told_about_is_left_out(tmp_path: Path):
    (tmp_path / "stall.py").write_text(STALL)
    with served(str(tmp_path / "stall.py"), tmp_path / "home") as (client, engine):

        def told(*records: dict) -> None:
            answer = client.post("/v1/events", json=list(records))
            assert answer.status_code == 200, answer.text

        def shown(id_: str) -> list[str]:
            return sorted(one["candidate"] for one in client.post("/v1/decide", json={"id": id_}).json()["items"])

        goods = [{"type": "Good", "id": name, "added_at": NOON} for name in ("mug", "lamp")]
        told(*goods, *({"type": "Buy", "good": name} for name in ("mug", "mug", "lamp", "rumour")))
        assert shown("first") == ["lamp", "mug"], "nobody ever told about the rumour"
        told({**goods[0], "on_sale": False})
        assert shown("second") == ["lamp"]
        assert shown("first") == ["lamp", "mug"], "a retry gets what was decided"
        told(goods[0])
        assert shown("third") == ["lamp", "mug"]
        assert client.get("/v1/decisions/first/explain").status_code == 200
        assert verify(engine.loaded, LogHistory(engine.home.log, engine.loaded), EVER, NOW + DAY).mismatches == ()
