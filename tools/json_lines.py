"""Write what a tool has made as compressed JSON lines, the same bytes each time."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def write(output: Path, records: Iterable[dict[str, Any]]) -> None:
    """Write one record a line, and print the size of the file."""
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    output.write_bytes(gzip.compress(lines.encode(), 9, mtime=0))
    print(f"{output}: {output.stat().st_size:,} bytes")
