"""The first picture of each notebook, as a file that the README shows.

    python tools/notebook_pictures.py

writes `docs/notebooks/NAME.png` beside each `NAME.ipynb`, from the output that is stored in it.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

NOTEBOOKS = Path(__file__).parents[1] / "docs" / "notebooks"


def pictures(notebook: Path) -> Iterator[bytes]:
    """Yield the PNG pictures among a notebook's outputs."""
    for cell in json.loads(notebook.read_text("utf-8"))["cells"]:
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                yield base64.b64decode(output["data"]["image/png"])


if __name__ == "__main__":
    for notebook in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook.with_suffix(".png").write_bytes(next(pictures(notebook)))
