"""The progress bars of downloading and drawing."""

import os

from tqdm import tqdm


def progress_bar(total: int | None, description: str, unit: str) -> tqdm:
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        unit_scale=True,
        leave=False,
        disable=os.environ.get("ONEBYONE_PROGRESS") == "0",
    )
