"""Kernels built ahead of time: the same lexicon without Numba, and never from other sources."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest
from brute import sample_text

import zoo
from zoo.built import Built, describe, description, library, stamp, type_of

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


NUMBA = {"ZOO_KERNELS": "numba"}
able = pytest.mark.skipif(
    not (shutil.which("cc") and importlib.util.find_spec("setuptools")),
    reason="building needs a C compiler and setuptools",
)


def started(text, folder, environment=()):
    """Starts a process with the package in `folder`."""
    command = [sys.executable, "-c", FOUND, str(text)]
    environment = {**os.environ, **dict(environment)}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True
    )


def found(text, folder, environment=()):
    """Runs in a process of its own, with the package in `folder`."""
    return answered(started(text, folder, environment), folder)


def answered(process, folder):
    output, warnings = process.communicate()
    assert process.returncode == 0, warnings
    file, numba, peak, lexicons = json.loads(output)
    assert Path(file).is_relative_to(folder)
    return numba, peak, lexicons, warnings


@pytest.fixture
def copied(tmp_path):
    """A text, and a folder with the package of which nothing is built or compiled."""
    source, folder = Path(zoo.__file__).parent, tmp_path / "zoo"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(source / "words", folder / "words", ignore=ignored)
    for path in source.glob("*.py"):
        shutil.copy(path, folder)
    text = tmp_path / "text.txt"
    text.write_text(sample_text(), encoding="utf-8")
    return text, tmp_path


@able
@pytest.mark.slow
def test_the_first_import_builds_what_finds_the_same_words_without_numba(copied):
    text, folder = copied
    numba, much, expected, warning = found(text, folder, NUMBA)
    assert numba
    assert not warning
    together = [started(text, folder) for _ in range(2)]
    answers = [answered(process, folder) for process in together]
    assert [answer[0] for answer in answers] == [False, False]
    assert [answer[2] for answer in answers] == [expected, expected]
    assert sum(answer[3].count("building the kernels of zoo.words") for answer in answers) == 1
    numba, little, lexicons, warning = found(text, folder)
    assert (numba, lexicons, warning) == (False, expected, "")
    assert little < much - 80e6

    path = library(folder / "zoo/words")
    before = path.stat().st_mtime_ns
    build = [sys.executable, "-m", "zoo.words.build"]
    assert subprocess.check_output(build, cwd=folder, text=True).strip() == str(path)
    assert path.stat().st_mtime_ns == before
    whole = path.read_bytes()
    for damaged in (b"", whole[:300_000], None):
        path.write_bytes(damaged) if damaged is not None else path.unlink()
        numba, _, lexicons, warning = found(text, folder, {"PATH": ""})
        assert (numba, lexicons, warning) == (True, expected, "")
    path.write_bytes(whole)
    assert not found(text, folder)[0]

    with (folder / "zoo/words/counting.py").open("a") as file:
        file.write("# changed\n")
    numba, _, lexicons, warning = found(text, folder)
    assert (numba, lexicons) == (False, expected)
    assert warning.count("building") == 1


@pytest.mark.slow
def test_without_a_working_compiler_numba_compiles_when_called(copied):
    text, folder = copied
    numba, _, expected, warning = found(text, folder, {"PATH": ""})
    assert (numba, warning) == (True, "")
    compiler = folder / (sysconfig.get_config_var("CC") or "cc").split()[0]
    compiler.write_text("#!/bin/sh\necho no licence >&2\nexit 1\n")
    compiler.chmod(0o755)
    killed = compiler.with_suffix(".kill")
    killed.write_text("#!/bin/sh\nkill -9 $PPID\n")
    killed.chmod(0o755)
    compiler.rename(compiler.with_suffix(".no"))
    killed.rename(compiler)
    assert "not built: exit code -9" in found(text, folder, {"PATH": str(folder)})[3]
    compiler.with_suffix(".no").rename(compiler)  # what was killed is tried again
    for times in (1, 0):
        numba, _, lexicons, warning = found(text, folder, {"PATH": str(folder)})
        assert (numba, lexicons) == (True, expected)
        assert warning.count("not built: ") == times


def test_a_library_is_stamped_with_the_sources_from_before_it_was_built(tmp_path):
    source = tmp_path / "kernels.py"
    source.write_text("old")
    before = stamp(tmp_path)
    source.write_text("new")
    library(tmp_path).parent.mkdir()
    describe(tmp_path, {})
    assert json.loads(description(tmp_path).read_text())["stamp"] == before
    stamp.cache_clear()
    assert stamp(tmp_path) != before


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
