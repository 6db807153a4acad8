"""Write a file whole, or not at all."""

import os
import secrets
import shutil
from pathlib import Path

DRAFT = ".part"  # ends the name of a file that is still being written


def write(path: Path, content: str | bytes) -> None:
    """Create a file, or replace it in one step.

    The content, text as UTF-8, is on the disk before it takes the place of
    the old one. An error leaves the old file and nothing beside it; a killed
    process leaves a draft, whose name ends in ``DRAFT``.
    """
    if isinstance(content, str):
        content = content.encode()
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}{DRAFT}")
    try:
        with open(draft, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            shutil.copymode(path, draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
