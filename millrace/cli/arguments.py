"""What several commands ask for, said in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

System = Annotated[str, typer.Argument(help="The module that declares the system: a file (feed.py) or an import path (shop.feed).")]
Release = Annotated[str, typer.Argument(help="The release, such as r0003-1f3a9c.")]
Version = Annotated[str, typer.Argument(help="The version, such as ranker-0003-1f3a9c02.")]
Where = Annotated[Path, typer.Option("--home", help="The folder that keeps its log, models and snapshots.", envvar="MILLRACE_HOME")]
Why = Annotated[str, typer.Option(help="For the audit.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
HOME = Path(".millrace")
