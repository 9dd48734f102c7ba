"""Products: complete a basket; learned from what was bought together."""

from millrace import (
    ALS,
    Array,
    Entity,
    Event,
    Factorized,
    Fallback,
    Freshness,
    Model,
    Pairs,
    Pipeline,
    Ref,
    Request,
    Retrain,
    Rules,
    System,
    Top,
    Trending,
    count,
    feature,
    outcome,
)


class Product(Entity):
    """What is sold."""

    description: str
    price: float


class Customer(Entity):
    """Who buys."""


class Basket(Entity):
    """What is bought at once: an order, an invoice."""


class Add(Event):
    """A product went into a basket."""

    basket: Ref[Basket]
    product: Ref[Product]
    customer: Ref[Customer] | None
    country: str
    quantity: int
    price: float


class Complete(Request):
    """What else belongs in this basket?"""

    basket: Ref[Basket]
    limit: int = 20


inside = count(Add, per=(Basket, Product), over="30d")


@feature(inside)
def is_new(inside: Array) -> Array:
    """Whether the product is not in the basket yet; products that are equally new keep the order of the sources."""
    return inside == 0


added = outcome(Add, within="1d")
together = Model(added, learner=ALS(embedding_size=256, epochs=8, reg=0.01), examples=Pairs(Add))

trending = Trending(Add.product, over="28d", take=100)
ranked = Pipeline(Factorized(together, by=Complete.basket, take=150) | trending, Rules(is_new), Top(Complete.limit))
popular = Pipeline(trending, Rules(is_new), Top(Complete.limit))

products = System(
    Complete,
    candidate=Product,
    policy=Fallback(ranked, to=popular, after="150ms"),
    monitors=[Freshness("3d")],
    retrain=Retrain(every="1d", history="400d"),
)
