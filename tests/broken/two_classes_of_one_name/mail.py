"""mail.py:9: Click: shop.py:10 declares a Click too, and a log knows classes by name: rename one of them"""

from shop import Click as Bought
from shop import Product

from millrace import Event, Pipeline, Ref, Request, Rules, System, Top, Trending, count


class Click(Event):
    product: Ref[Product]
    newsletter: str


class Letter(Request):
    reader: str


opened = count(Click, per=Product, over="30d")

letters = System(Letter, candidate=Product, policy=Pipeline(Trending(Bought.product), Rules(opened), Top(3)))
