"""The copies that stay on this machine, whole and verified."""

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from onebyone import files

Content = TypeVar("Content")

STALE_AFTER = 24 * 3600  # seconds, after which nobody writes a draft any more


def find(name: str, read: Callable[[bytes], Content | None]) -> Content | None:
    """Return what `read` makes of the first copy that is whole, or None.

    `read` returns None for a damaged copy, which a warning then names.
    """
    for folder in _folders():
        path = folder / name
        try:
            content = read(path.read_bytes())
        except OSError:
            continue
        if content is not None:
            return content
        warnings.warn(f"{path} is damaged and will be replaced", stacklevel=2)
    return None


def store(name: str, content: bytes) -> None:
    """Keep a file in the first folder that takes it, or warn."""
    obstacle: str | OSError = "there is no folder for it"
    for folder in _folders():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_stale_drafts(folder)
            files.write(folder / name, content)
        except OSError as error:
            obstacle = error
        else:
            return
    warnings.warn(f"{name} could not be kept: {obstacle}", stacklevel=2)


def _folders() -> list[Path]:
    """Return the user's cache, then a stand-in where it cannot be written."""
    folders = []
    with suppress(RuntimeError):  # there is no home folder
        folders.append(_user_cache() / "onebyone")
    user = os.getuid() if hasattr(os, "getuid") else "user"
    temporary = Path(tempfile.gettempdir(), f"onebyone-{user}")
    if not _belongs_to_somebody_else(temporary):
        folders.append(temporary)
    return folders


def _belongs_to_somebody_else(folder: Path) -> bool:
    """Return whether another user made it where all users may write."""
    try:
        owner = os.lstat(folder).st_uid
    except OSError:
        return False
    return hasattr(os, "getuid") and owner != os.getuid()


def _user_cache() -> Path:
    if os.environ.get("XDG_CACHE_HOME"):
        return Path(os.environ["XDG_CACHE_HOME"])
    if sys.platform == "win32" and os.environ.get("LOCALAPPDATA"):
        return Path(os.environ["LOCALAPPDATA"])
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path.home() / ".cache"


def _remove_stale_drafts(folder: Path) -> None:
    """Remove what killed processes left half written."""
    for draft in folder.glob(f"*{files.DRAFT}"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > STALE_AFTER:
                draft.unlink()
