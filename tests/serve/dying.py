"""A process that is killed between the commit of two events and their application to the view."""

import os
import sys
from pathlib import Path
from typing import Any

from millrace.features.online import OnlineView
from millrace.types import SECOND, moment
from tests.serve.running import START, Hurrying, ask, install, running, stock


class Doomed(OnlineView):
    """Ends the process, as a kill would, when it is to apply what it was doomed by."""

    def apply(self, batch: Any) -> None:
        if "u4" in batch.get("Use", {"id": []})["id"]:
            os._exit(9)
        super().apply(batch)


def main(folder: Path) -> None:
    with running(folder, now=Hurrying(START + SECOND)) as engine:
        events = [engine.loaded.streams["Use"](id=f"u{n}", at=moment(START), person="p0", item=f"i{n % 2}") for n in range(6)]
        engine.ingest([*stock(engine), *events[:3]])
        install(engine)
        engine.snapshot()
        engine.ingest(events[3:4])
        engine.decide([ask(engine, "before")])
        engine.view.__class__ = Doomed
        engine.ingest(events[4:])


main(Path(sys.argv[1]))
