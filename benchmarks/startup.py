"""Claim: `import zoo` loads nothing heavy, and `zoo list` and `zoo --help` answer in 1.5 s.

Beside them, what a small model takes that is loaded, `import torch` included.

Each command runs in fresh processes, in turn with `import torch`, the peer; medians of wall time.

    python benchmarks/startup.py --runs 7
"""

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "import zoo": ["-c", "import zoo"],
    "zoo list": ["-m", "zoo", "list"],
    "zoo --help": ["-m", "zoo", "--help"],
    "zoo.load": ["-c", "import zoo; zoo.load('gan_r1_digits')"],
    "import torch": ["-c", "import torch"],
}


def seconds(command):
    start = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=7)
    runs = parser.parse_args().runs
    found = {name: [] for name in COMMANDS}
    for _ in range(runs + 1):
        for name, command in COMMANDS.items():
            found[name].append(seconds(command))
    median = {name: statistics.median(times[1:]) for name, times in found.items()}
    for name, value in median.items():
        print(f"{name:14} {value:6.3f} s   {value / median['import torch']:.3f} of import torch")
    slowest = max(median["zoo list"], median["zoo --help"])
    print(f"slowest answer {slowest:.3f} s: {'within' if slowest <= 1.5 else 'OVER'} 1.5 s")


if __name__ == "__main__":
    main()
