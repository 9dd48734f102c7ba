"""What a version's folder holds: every file by its SHA-256, in a `manifest.json` whose own SHA-256 names the content.

Public: `seal`, `verify`.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from millrace.errors import BadInput, NotFound
from millrace.stores.durable import digest

MANIFEST = "manifest.json"

_REMEDY = "restore the folder from a backup, or publish the same content again, which puts it back"


class Manifest(msgspec.Struct, frozen=True):
    """What is sealed: the declaration that the files were trained for, and the SHA-256 of each by its path in the folder."""

    declaration: str
    files: dict[str, str]


def seal(folder: Path, declaration: str) -> str:
    """Write a folder's manifest and return its SHA-256: the same files and declaration give the same one.

    The files are made read-only, so that changing one takes intent.

    Raises:
        BadInput: The folder holds no file, a link, or a `manifest.json` of its own.
    """
    files = _files(folder)
    if MANIFEST in files:
        raise BadInput(f"a version must not save a {MANIFEST}: the registry writes it; choose another name")
    if not files:
        raise BadInput("a version saved no file: write what it needs to score again into the folder it is given")
    manifest = Manifest(declaration, {name: digest(path) for name, path in files.items()})
    (folder / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n")
    for name in (MANIFEST, *files):
        (folder / name).chmod(0o444)
    return digest(folder / MANIFEST)


def verify(folder: Path, content: str) -> None:
    """Check that a folder holds exactly what was sealed.

    Args:
        folder: Where the version lies.
        content: The SHA-256 that `seal` returned.

    Raises:
        NotFound: A file is missing.
        BadInput: A file was changed, added, or is a link.
    """
    present = _files(folder)
    sealed = {MANIFEST: content}
    _compare(folder, present, sealed)
    sealed |= msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest).files
    _compare(folder, present, sealed)
    for name in present.keys() - sealed.keys():
        raise BadInput(f"{folder / name} was added to a version, which never changes: remove it")


def _compare(folder: Path, present: dict[str, Path], sealed: dict[str, str]) -> None:
    for name, expected in sealed.items():
        if name not in present:
            raise NotFound(f"{folder / name} is missing: {_REMEDY}")
        if digest(present[name]) != expected:
            raise BadInput(f"{folder / name} was changed since it was published: {_REMEDY}")


def _files(folder: Path) -> dict[str, Path]:
    """Return the files of a folder by their path in it, ordered; a link is refused, for what it leads to can change."""
    found: dict[str, Path] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise BadInput(f"{path} is not a plain file: a version's folder holds plain files in folders only")
        if path.is_file():
            found[path.relative_to(folder).as_posix()] = path
    return found
