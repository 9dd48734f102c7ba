"""The data sets there are, by name."""

from __future__ import annotations

from millrace.datasets.dataset import ChoiceLog, DataSet
from millrace.datasets.msweb import MSWEB
from millrace.datasets.online_retail import ONLINE_RETAIL
from millrace.datasets.open_bandit import OPEN_BANDIT
from millrace.datasets.uci_credit import UCI_CREDIT
from millrace.datasets.upworthy import UPWORTHY
from millrace.errors import NotFound

DATA_SETS: tuple[DataSet, ...] = (MSWEB, ONLINE_RETAIL, UCI_CREDIT)
"""Those that a system is tried on."""

CHOICE_LOGS: tuple[ChoiceLog, ...] = (OPEN_BANDIT, UPWORTHY)
"""Those that policies are judged on."""


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
