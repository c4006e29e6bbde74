"""Write what benchmarks print into the `MEASURED.md` that names them; for a quiet machine.

    python tools/measured.py zoo/words/MEASURED.md           # all commands that are named there
    python tools/measured.py zoo/words/MEASURED.md ablation  # those that have this in them

What stands between `<!-- measured: python COMMAND -->` and `<!-- end -->` is replaced by what the
command prints at the root of the checkout, with date, commit and processor below it.
"""

import argparse
import re
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"(<!-- measured: python (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def printed(command: str) -> str:
    """Return what a command of Python prints, and under which circumstances.

    Raises:
        CalledProcessError: if it fails.
    """
    words = [sys.executable, *shlex.split(command)]
    done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return f"\n{done.stdout.strip()}\n\n{circumstances()}\n\n"


def circumstances() -> str:
    """Return the date, the commit and the processor with its vector extensions."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    commit = subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    cpu = Path("/proc/cpuinfo")
    name = re.search(r"model name\s*: (.+)", cpu.read_text() if cpu.exists() else "")
    processor = name[1] if name else "unknown processor"
    return f"{date.today()}, {commit}, {processor}, {torch.backends.cpu.get_cpu_capability()}."


def main(arguments: list[str] | None = None) -> None:
    """Run the commands, and write the page after each."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("page", type=Path)
    parser.add_argument("word", nargs="?", default="", help="run the commands that have this")
    options = parser.parse_args(arguments)
    text = options.page.read_text("utf-8")
    for block in [b for b in BLOCK.finditer(text) if options.word in b[2]]:
        text = text.replace(block[0], block[1] + printed(block[2]) + block[3])
        options.page.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
