"""Whether callers should be sent here: not before everything was tried once, nor once the process is told to end."""

from __future__ import annotations

import gc
import logging
import time

from millrace.errors import MillraceError, Unavailable
from millrace.log.streams import codec_of
from millrace.serve.deciding import Decider
from millrace.serve.v2_signature import signature

log = logging.getLogger("millrace.serve")

NOTICE_S = 1.0
"""How long a server that was told to end says so before it takes no more, in seconds."""
WARMING = "the server is warming up: ask again in a moment"


class Readiness:
    """What keeps a server from being ready; see `why`.

    Args:
        decider: What serves.

    Attributes:
        why: Why callers should go elsewhere; "" when they need not.
    """

    def __init__(self, decider: Decider) -> None:
        self.why = ""
        self._decider = decider

    def warm_up(self) -> None:
        """Score once with each version installed and decide once on no requests at all, so that no caller pays for what is first time.

        What fails here is said and is no reason not to serve: callers hear of it if it concerns them.
        """
        self.why = WARMING
        loaded, installed = self._decider.loaded, self._decider.installed
        try:
            for model, version in installed.versions.items():
                signature(loaded, loaded.models[model], self._decider.versions.load(version))  # scores a row of missing values
            self._decider.answer(codec_of(loaded.system.request).columns([]))
        except MillraceError as error:
            log.info("while warming up: %s", error)
        except Exception:
            log.warning("while warming up", exc_info=True)
        if self.why == WARMING:  # it may have been told to end meanwhile
            self.why = ""

    def settle(self) -> None:
        """Tell the collector that what is there now stays: it need not walk models and views again and again, which stops everybody."""
        gc.collect()
        gc.freeze()

    def drain(self) -> None:
        """Say that it shuts down, and leave those who send callers here a moment to notice. Meanwhile everybody is answered."""
        self.why = "the server is shutting down: ask another one"
        time.sleep(NOTICE_S)

    def check(self) -> None:
        """Raise what the probe is to be told.

        Raises:
            Unavailable: Callers should go elsewhere.
        """
        if why := self.why or self._decider.away():
            raise Unavailable(why)
