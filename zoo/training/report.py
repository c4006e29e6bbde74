"""What a run says, once for all processes."""

import shutil
import subprocess

from lightning.pytorch.utilities import rank_zero_only
from rich.table import Table

from zoo import registry
from zoo.errors import printable
from zoo.progress import console
from zoo.version import __version__


def commit() -> str:
    """Return the commit of the checkout that runs, or the version of an installed package."""
    checkout = registry.PACKAGE.parent
    git = ["git", "-C", str(checkout), "rev-parse", "--short=12", "HEAD"]
    found = ""
    if (checkout / ".git").exists() and shutil.which("git"):
        found = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return found or __version__


@rank_zero_only
def tell(line: str) -> None:
    """Print a line, once for all processes."""
    console().print(printable(line), soft_wrap=True)


@rank_zero_only
def show(columns: dict[str, dict[str, float]]) -> None:
    """Print metrics side by side."""
    table = Table("test split", *columns)
    for metric in next(reversed(columns.values())):
        table.add_row(metric, *(f"{column[metric]:.4f}" for column in columns.values()))
    console().print(table)
