"""Draw the picture of the README: ``python -m tools.pictures``."""

from pathlib import Path

from onebyone import models, plots

STATIC = Path(__file__).parent.parent / "book" / "_static"


def main() -> None:
    """Write book/_static/nin.png, drawn from the model object."""
    plots.use_style()
    figure = plots.architecture(models.nin(), (1, 224, 224))
    figure.savefig(
        STATIC / "nin.png", dpi=200, bbox_inches="tight", metadata={}
    )


if __name__ == "__main__":
    main()
