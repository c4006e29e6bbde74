"""Write the table of `zoo list --markdown` into the READMEs, where it stands already.

python tools/readme_table.py
"""

import contextlib
import io
import re
from pathlib import Path

from zoo.cli.models import list_models

READMES = ("README.md", "README.zh.md")
ROOT = Path(__file__).parent.parent
_TABLE = re.compile(r"^\| model \| parameters \|.*\n(\|.*\n)*", re.MULTILINE)


def table() -> str:
    """Return what `zoo list --markdown` prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        list_models(markdown=True)
    return printed.getvalue()


def main() -> None:
    """Replace the tables."""
    for name in READMES:
        path = ROOT / name
        text = path.read_text("utf-8")
        path.write_text(_TABLE.sub(lambda _: table(), text), "utf-8")


if __name__ == "__main__":
    main()
