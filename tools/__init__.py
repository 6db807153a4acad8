"""Tools of the people who write this course; readers need none of them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
