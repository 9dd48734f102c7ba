"""A view that is published to Redis and read from there, so that what holds of an online view can be asked of both together."""

from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from millrace.adapters.redis.connection import PATIENCE_S, WRITERS_PATIENCE_S, connect
from millrace.adapters.redis.layout import Layout
from millrace.adapters.redis.publishing import Publisher
from millrace.adapters.redis.ranking import Indices
from millrace.adapters.redis.reading import Cut, RedisView
from millrace.decision import Decisions
from millrace.features.online import OnlineView
from millrace.features.operations import OPERATIONS
from millrace.features.plan import Plan, Read
from millrace.schema import Field
from millrace.types import Array, Columns

_numbers = count()


def every_index(plan: Plan) -> Indices:
    """Return all that a plan's view can be asked to enumerate."""
    tops = [read.aggregate for read in plan.reads.values() if _ranks(read)]
    fields = [Field(owner, name) for owner, names in plan.attributes.items() for name in names]
    return Indices(tuple(tops), tuple(one for one in fields if one.kind == "instant"), tuple(fields))


def _ranks(read: Read) -> bool:
    return len(read.routes) == 1 and not OPERATIONS[read.aggregate.op].timed and OPERATIONS[read.aggregate.op].gives == "number"


class Shared:
    """An online view, published after every change and read by another through Redis; all else is the view's own."""

    def __init__(self, plan: Plan, url: str, view: OnlineView | None = None, name: str = "") -> None:
        self.view = view or OnlineView(plan)
        self.name = name or f"law{next(_numbers)}"
        layout, indices = Layout(self.name, plan), every_index(plan)
        self.publisher = Publisher(connect(url, WRITERS_PATIENCE_S, tries=1), layout, self.view, indices)
        self.reader = RedisView(connect(url, PATIENCE_S * 8, tries=2), Layout(self.name, plan), indices)

    def apply(self, batch: Mapping[str, Columns]) -> None:
        self.view.apply(batch)
        self.publisher.told(batch)

    def publish(self, watermark: int) -> None:
        self.view.advance(watermark)
        self.publisher.settle()
        self.publisher.send(self.publisher.collect(watermark))

    def advance(self, watermark: int) -> None:
        self.publish(watermark)

    def cut(self, watermark: int) -> Cut:
        self.publish(watermark)
        cut = self.reader.cut()
        assert cut.watermark == watermark
        return cut

    def lookup(self, features: Sequence[Any], d: Decisions, watermark: int) -> dict[str, Array]:
        cut = self.cut(watermark)
        found = cut.lookup(features, d, watermark)
        assert cut.missed == []
        return found

    def top(self, aggregate: Any, take: int, watermark: int) -> tuple[Array, Array]:
        return self.cut(watermark).top(aggregate, take, watermark)

    def newest(self, field: Any, take: int, watermark: int) -> Array:
        return self.cut(watermark).newest(field, take, watermark)

    def having(self, field: Any, values: Array) -> tuple[Array, Array]:
        standing = self.view.standing
        return self.cut(max(standing.watermark, standing.last_known + 1)).having(field, values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.view, name)
