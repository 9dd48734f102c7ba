"""The data sets there are, by name."""

from __future__ import annotations

from millrace.datasets.dataset import DataSet
from millrace.datasets.msweb import MSWEB
from millrace.datasets.online_retail import ONLINE_RETAIL
from millrace.datasets.uci_credit import UCI_CREDIT
from millrace.errors import NotFound

DATA_SETS: tuple[DataSet, ...] = (MSWEB, ONLINE_RETAIL, UCI_CREDIT)
"""All of them."""


def data_set(name: str) -> DataSet:
    """Return the data set of a name.

    Raises:
        NotFound: There is none; the message lists what there is.

    >>> data_set("msweb").licence
    'CC BY 4.0'
    """
    for one in DATA_SETS:
        if one.name == name:
            return one
    raise NotFound(f"there is no data set {name!r}: choose {', '.join(one.name for one in DATA_SETS)}")
