"""Kernels built ahead of time: the same lexicon without Numba, and never from other sources."""

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from brute import sample_text

import zoo
from zoo.compiling import Built, library, type_of

FOUND = """
import json, re, sys, zoo
from pathlib import Path
from zoo.words import Counts, count_ngrams, discover_words
from zoo.words.counts import count
from zoo.words.discovery import discover
text = Path(sys.argv[1]).read_text(encoding="utf-8")
lexicons = [
    discover_words(text, min_count=4),
    discover_words(text, min_count=4, method="ngram", half_width=True, threads=1),
    discover_words(text, min_count=4, method="ngram", counting="truncated"),
    discover(count(text.splitlines(), chunk=5000), min_count=4),
]
peak = re.findall(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[0]
found = [[x.words.tolist(), x.score.tolist(), x.segment(text[:500])] for x in lexicons]
print(json.dumps([zoo.__file__, "numba" in sys.modules, 1024 * int(peak), found]))
"""


def found(text, folder):
    """Runs in a process of its own, with the package in `folder`."""
    command = [sys.executable, "-c", FOUND, str(text)]
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    file, numba, peak, lexicons = json.loads(result.stdout)
    assert Path(file).is_relative_to(folder)
    return numba, peak, lexicons, result.stderr


@pytest.mark.slow
@pytest.mark.skipif(
    not (shutil.which("c++") and importlib.util.find_spec("setuptools")),
    reason="building needs a C++ compiler and setuptools",
)
def test_what_is_built_finds_the_same_words_without_numba(tmp_path):
    source, folder = Path(zoo.__file__).parent, tmp_path / "zoo"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "words", folder / "words", ignore=ignored)
    for path in source.glob("*.py"):
        shutil.copy(path, folder)
    text = tmp_path / "text.txt"
    text.write_text(sample_text(), encoding="utf-8")
    numba, much, expected, _ = found(text, tmp_path)
    assert numba
    build = [sys.executable, "-m", "zoo.words.build"]
    path = library(folder / "words")
    assert subprocess.check_output(build, cwd=tmp_path, text=True).strip() == str(path)
    numba, little, lexicons, _ = found(text, tmp_path)
    assert not numba
    assert lexicons == expected
    assert little < much - 80e6
    before = path.stat().st_mtime_ns
    subprocess.check_output(build, cwd=tmp_path)
    assert path.stat().st_mtime_ns == before
    with (folder / "words" / "counting.py").open("a") as file:
        file.write("# changed\n")
    numba, _, lexicons, warning = found(text, tmp_path)
    assert numba
    assert lexicons == expected
    assert warning.count("is older than the sources") == 1


@pytest.mark.parametrize(
    "other", [np.zeros(4), np.zeros(8, np.uint16)[::2], np.zeros((2, 2), np.uint16), 4, None, "a"]
)
def test_a_built_kernel_refuses_other_types(other):
    right = np.zeros(4, np.uint16)
    kernel = Built(lambda codes, size: codes[:size], [type_of(right), type_of(1)])
    assert kernel(right, np.int64(2)).size == 2
    for arguments in ((other, 2), (right, right), (right,), (right, 2, 2)):
        with pytest.raises(TypeError, match="built for"):
            kernel(*arguments)
