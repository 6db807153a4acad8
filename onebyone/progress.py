"""Progress bars, which the environment variable ONEBYONE_PROGRESS hides."""

import os
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # silence tqdm's IProgress warning
    from tqdm.auto import tqdm


def progress_bar(*batches, show: bool = True, **options) -> tqdm:
    """Return a tqdm bar that disappears when it is done.

    The arguments are tqdm's, but for `show`. ``ONEBYONE_PROGRESS=0`` hides
    every bar.
    """
    hidden = not show or os.environ.get("ONEBYONE_PROGRESS") == "0"
    return tqdm(*batches, leave=False, disable=hidden, **options)
