"""Other libraries' word discovery, each in a process of its own: what `peers.py` starts.

    PEERS/bin/python benchmarks/words/peer.py NAME CORPUS MIN_COUNT MOST OUTPUT

It needs a Python with jiagu, smoothnlp and harvesttext, not with zoo; `peers.py` makes one.
Writes one word a line, and prints CPU seconds of the call and peak memory as JSON.
"""

from __future__ import annotations

import contextlib
import json
import math
import re
import sys
import tempfile
import time
from collections import Counter, defaultdict
from pathlib import Path


def jiagu(corpus: Path, min_count: int, most: int) -> list[str]:
    """Mutual information and entropies, with the library's other defaults."""
    del most
    from jiagu.findword import new_word_find

    with tempfile.NamedTemporaryFile("r", encoding="utf-8") as found:
        new_word_find(str(corpus), found.name, min_freq=min_count - 1)
        return [line.split("\t")[0] for line in found]


def smoothnlp(corpus: Path, min_count: int, most: int) -> list[str]:
    """Its best phrases; it has no threshold, so it is told how many gold words there are."""
    from smoothnlp.algorithm.phrase import extract_phrase

    lines = corpus.read_text(encoding="utf-8").splitlines()
    return extract_phrase(lines, top_k=most, min_freq=min_count)


def harvesttext(corpus: Path, min_count: int, most: int) -> list[str]:
    """Its defaults for corpora of this size, then the words that occur often enough."""
    del most
    from harvesttext import HarvestText

    text = corpus.read_text(encoding="utf-8")
    found = HarvestText().word_discover(text, excluding_words=[])
    return found[found["freq"] * len(text) >= min_count].index.tolist()


def dictionaries(corpus: Path, min_count: int, most: int) -> list[str]:
    """What one writes in an hour: counters; cohesion of 3 nats, entropies of 1 nat."""
    del most
    counts, left, right = Counter(), defaultdict(Counter), defaultdict(Counter)
    for line in re.findall("[一-龥]+", corpus.read_text(encoding="utf-8")):
        for n in range(1, 5):
            for i in range(len(line) - n + 1):
                gram = line[i : i + n]
                counts[gram] += 1
                left[gram][line[i - 1 : i] or f"<{counts[gram]}"] += 1
                right[gram][line[i + n : i + n + 1] or f">{counts[gram]}"] += 1
    total = sum(count for gram, count in counts.items() if len(gram) == 1)

    def entropy(neighbours: Counter) -> float:
        n = neighbours.total()
        return math.log(n) - sum(c * math.log(c) for c in neighbours.values()) / n

    def solid(gram: str, count: int) -> bool:
        cuts = ((gram[:k], gram[k:]) for k in range(1, len(gram)))
        return all(total * count >= math.exp(3) * counts[a] * counts[b] for a, b in cuts)

    return [
        gram
        for gram, count in counts.items()
        if len(gram) > 1
        and count >= min_count
        and solid(gram, count)
        and min(entropy(left[gram]), entropy(right[gram])) >= 1
    ]


def main() -> None:
    """Run one peer."""
    name, corpus, min_count, most, output = sys.argv[1:]
    peers = {f.__name__: f for f in (jiagu, smoothnlp, harvesttext, dictionaries)}
    with contextlib.redirect_stdout(sys.stderr):
        if name != "dictionaries":
            __import__(name)
        before = time.process_time()
        words = peers[name](Path(corpus), int(min_count), int(most))
        cpu = time.process_time() - before
    Path(output).write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    status = Path("/proc/self/status").read_text()  # ru_maxrss counts the parent
    peak = 1024 * int(re.findall(r"VmHWM:\s+(\d+)", status)[0])
    print(json.dumps({"cpu": cpu, "peak": peak}))


if __name__ == "__main__":
    main()
