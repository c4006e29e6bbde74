"""Where the memory of word discovery goes: `python -m benchmarks.words.table memory`.

This file is also the process that is measured, so it imports nothing but the standard library.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

STEPS = ("Python", "NumPy", "zoo.words", "kernels", "text: the peak")


def status_bytes(field: str) -> int:
    """Return `VmHWM`, the most memory this process has held, or `RssFile`, pages of files.

    (Not ru_maxrss: that counts the parent.)
    """
    status = Path("/proc/self/status").read_text()
    return 1024 * int(re.findall(rf"{field}:\s+(\d+)", status)[0])


def steps(path: str) -> list[int]:
    """Return the peak after each of `STEPS` and, last, the pages of library files at the end."""
    peaks = [status_bytes("VmHWM")]
    import numpy  # noqa: F401

    peaks.append(status_bytes("VmHWM"))
    from zoo.words import discover_words

    peaks.append(status_bytes("VmHWM"))
    discover_words("天气预报，" * 9 + "\n", min_count=2)
    peaks.append(status_bytes("VmHWM"))
    discover_words(Path(path), min_count=32)
    return [*peaks, status_bytes("VmHWM"), status_bytes("RssFile")]


def memory(corpus: Path) -> None:
    """Print the peak after each step, and of the text the bytes a byte above the imports.

    Imports are what a tiny text leaves behind: libraries, and kernels.
    """
    size = corpus.stat().st_size
    print(f"| {' | '.join(STEPS)} | of it library files | above the imports, bytes a byte |")
    print("|" + "---|" * (len(STEPS) + 2))
    command = [sys.executable, "-m", "benchmarks.words.memory", str(corpus)]
    for _ in range(2):  # the first time, kernels may have to be compiled
        output = subprocess.check_output(command)
    peaks = json.loads(output)
    columns = " | ".join(f"{peak / 1e6:.0f}" for peak in peaks)
    print(f"| {columns} | {(peaks[-2] - peaks[-3]) / size:.1f} |", flush=True)


if __name__ == "__main__":
    print(json.dumps(steps(sys.argv[1])))
