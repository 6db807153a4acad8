"""Tools of the people who write this course; readers need none of them."""

from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parent.parent

# The package's one atomic write, taken from its file: `import onebyone` needs
# torch, and what renders the book does without.
_loader = SourceFileLoader("files", str(ROOT / "onebyone" / "files.py"))
files = ModuleType(_loader.name)
_loader.exec_module(files)
