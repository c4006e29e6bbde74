"""`memory=` is a ceiling: peaks of processes of their own, on a text with few repetitions."""

import json
import subprocess
import sys

import numpy as np
import pytest

from zoo.words.ngram_statistics import automatic_min_count

pytestmark = pytest.mark.slow

PEAK = """
import json, re, sys
from pathlib import Path
import zoo
memory, min_count = json.loads(sys.argv[2])
lexicon = zoo.discover_words(Path(sys.argv[1]), min_count=min_count, memory=memory)
peak = re.findall(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[0]
found = [lexicon.min_count, lexicon.words.tolist(), lexicon.score.tolist()]
print(json.dumps([1024 * int(peak), *found]))
"""


LIMITS = (240, 260)  # MB: the least there is, and one above it


def discovered(path, memory, min_count):
    command = [sys.executable, "-c", PEAK, str(path), json.dumps([memory, min_count])]
    return json.loads(subprocess.check_output(command))


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """24 million characters: 72 MB, nearly as many distinct rows, 380 MB of them."""
    draw = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("memory") / "text.txt"
    with path.open("w", encoding="utf-8") as file:
        for _ in range(24):
            points = 0x4E00 + np.minimum(draw.zipf(1.2, 1_000_000), 3000).astype(np.uint32)
            points[::40] = ord("\n")
            file.write(points.tobytes().decode("utf-32-le"))
    return path


def test_the_peak_stays_below_the_limit_whatever_the_size(text):
    peak, *free = discovered(text, "4GB", 2000)
    assert peak > 500e6
    for limit in (LIMITS[1], 400):
        peak, *found = discovered(text, f"{limit}MB", 2000)
        assert found == free
        assert peak < limit * 1e6


def test_where_the_ngrams_have_no_room_their_least_count_rises(text, tmp_path):
    often = tmp_path / "often.txt"
    often.write_bytes(text.read_bytes()[:9_000_000].rpartition(b"\n")[0] * 8)
    for limit in LIMITS:
        peak, least, *_ = discovered(often, f"{limit}MB", None)
        assert least > automatic_min_count(24_000_000)
        assert peak < limit * 1e6
        # a given one, and rarer ones beside
        peak, given, *_ = discovered(often, f"{limit}MB", 2 * least)
        assert given == 2 * least
        assert peak < limit * 1e6
