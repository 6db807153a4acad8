"""All studies, by name."""

from onebyone.study import (
    bake_off,
    degradation,
    deletion,
    head,
    heads,
    inception_branches,
    initialisation,
    lesions,
    localisation,
    mlpconv,
    reductions,
    remove_1x1,
    starts,
)
from onebyone.study.engine.study import Study

SCALES = ("quick", "paper")
STUDIES = {
    study.name: study
    for study in (
        remove_1x1.SEARCH,
        remove_1x1.STUDY,
        initialisation.SEARCH,
        initialisation.STUDY,
        head.SEARCH,
        head.STUDY,
        inception_branches.SEARCH,
        inception_branches.STUDY,
        bake_off.SEARCH,
        bake_off.STUDY,
        starts.SEARCH,
        starts.STUDY,
        degradation.SEARCH,
        degradation.STUDY,
        degradation.STARTS_SEARCH,
        degradation.STARTS,
        degradation.UPDATES_SEARCH,
        degradation.UPDATES,
        degradation.LONG,
        mlpconv.SEARCH,
        mlpconv.STUDY,
        mlpconv.EQUAL_RATE,
        heads.SEARCH,
        heads.STUDY,
        reductions.SEARCH,
        reductions.STUDY,
        lesions.SEARCH,
        lesions.STUDY,
        deletion.STUDY,
        localisation.STUDY,
    )
}
PAPER = {
    "remove-1x1": remove_1x1.PAPER,
    "initialisation": initialisation.PAPER,
}


def find(name: str, scale: str = "quick") -> Study:
    """Return the study of that name at that scale.

    Raises:
        KeyError: there is none; the message lists those there are.
    """
    studies = {"quick": STUDIES, "paper": PAPER}
    if scale not in studies:
        raise KeyError(f"scale must be one of {', '.join(SCALES)}")
    if name not in studies[scale]:
        raise KeyError(
            f"there is no study {name!r} at {scale} scale; there are "
            f"{', '.join(studies[scale])}"
        )
    return studies[scale][name]
