"""`millrace compact`, `backup` and `restore`: the log kept small, and copies of all of it kept elsewhere."""

from __future__ import annotations

from pathlib import Path

from millrace.cli.opening import writing
from millrace.cli.printing import console, number, progress, when
from millrace.errors import NotFound
from millrace.loading import load
from millrace.log.keys import key_file
from millrace.operate.retention import tidy
from millrace.serve.clock import wall
from millrace.stores.backup import LOG, back_up
from millrace.stores.restore import restore as restored


def compact(system: str, folder: Path) -> None:
    """Move what was logged to the lake and drop what is no longer kept; print what was done.

    Raises:
        NotFound: Nothing was ever logged.
        Conflict: Another process writes to the log; a server does this by itself.
    """
    loaded = load(system)
    if not (folder / LOG).is_dir():
        raise NotFound(f"there is nothing in {folder} yet: import history or serve {loaded.name} first, or name its folder with --home")
    with writing(loaded, folder) as home:
        done, dropped = tidy(loaded, home.log, wall())
        out = console()
        out.print(f"moved {number(done.moved)} records to the lake, merged {number(done.merged)} files")
        kept = home.log.retained()
        for stream, rows in sorted(dropped.items()):
            out.print(f"dropped {number(rows)} {stream} from before {when(kept[stream])}")


def backup(system: str, to: Path, folder: Path) -> None:
    """Copy a system's folder to a place of its own; its server may be running. Print where it lies and up to which record it goes.

    Raises:
        NotFound: There is no log in the folder.
        MillraceError: The log is damaged; nothing was copied.
        Unavailable: The other disk is full or fails.
    """
    loaded = load(system)
    with progress() as shown:
        task = shown.add_task("copying", total=None, said="")
        made = back_up(folder, to, loaded.name, wall(), lambda name, done, of: shown.update(task, completed=done, total=of, said=name))
    out, whole = console(), sum(one.size for one in made.backup.files.values())
    out.print(f"{made.folder}: {loaded.name} up to record {number(made.backup.position)}, known {when(made.backup.known)}")
    out.print(f"{number(len(made.backup.files))} files, {_megabytes(whole)}, of which {_megabytes(made.linked)} were there already")
    if (key := key_file(folder / LOG)).exists():
        out.print(f"not in it: {key}, which opens its private fields; keep a copy of that apart from the backups", style="yellow")


def restore(source: Path, folder: Path) -> None:
    """Make a system's folder from a backup, and print up to which record it goes.

    Raises:
        NotFound: There is no finished backup.
        Conflict: The folder is not empty.
        BadInput: A file of the backup is damaged.
        Unavailable: The disk is full or fails.
    """
    with progress() as shown:
        task = shown.add_task("copying", total=None, said="")
        done = restored(source, folder, lambda name, done, of: shown.update(task, completed=done, total=of, said=name))
    out, made = console(), done.backup
    out.print(f"{folder}: {made.system} up to record {number(made.position)}, known {when(made.known)}, from {done.source}")
    out.print(f"what came after the backup was made, {when(made.made)}, is not in it: send it again, once is enough")
    if done.forgotten:
        out.print(f"{number(done.forgotten)} forgotten since then are in its log again: forget them again before you serve", style="yellow")
    if done.needs_key and not key_file(folder / LOG).exists():
        out.print(f"its private fields open once their key is put back at {key_file(folder / LOG)}", style="yellow")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.1f} MB"
