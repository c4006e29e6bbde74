"""Ctrl-C, SIGTERM and a full disk leave no temporary files and no half-written output."""

import os
import resource
import signal
import subprocess
import sys
import time

import brute
import pytest

from zoo.words.counting.chunks import count
from zoo.words.counting.memory import Storage

# Reads a pipe that never ends, with everything spilled to TMPDIR.
ENDLESS = """
import sys
from zoo.words.counting.memory import Budget
Budget.of = lambda memory, threads=1: Budget(50_000, 0, 50_000, 10**9, 10**9)
from zoo.words.cli import run
run(sys.argv[1:])
"""


# Reads a pipe while other threads keep the interpreter busy.
BUSY = """
import sys, threading
from pathlib import Path
from zoo.words.cli import terminable
from zoo.words.texts.reading import read
def spin():
    while True:
        pass
for _ in range(2):
    threading.Thread(target=spin, daemon=True).start()
with terminable(), read(Path("-")) as blocks:
    print("reading", flush=True)
    for block in blocks:
        pass
"""


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_signals_leave_nothing_behind(sent, tmp_path):
    temporary, output = tmp_path / "tmp", tmp_path / "words.tsv"
    temporary.mkdir()
    text = brute.sample_text().encode()
    with subprocess.Popen(
        [sys.executable, "-c", ENDLESS, "-", "-o", str(output), "--errors", "replace"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TMPDIR": str(temporary)},
    ) as process:
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        deadline = time.monotonic() + 100
        while len(list(temporary.glob("*/*"))) < 4:
            assert time.monotonic() < deadline
            try:
                os.write(process.stdin.fileno(), text)
            except BlockingIOError:
                time.sleep(0.01)
        process.send_signal(sent)
        assert process.wait(60) != 0
    assert list(temporary.iterdir()) == []
    assert not output.exists()


@pytest.mark.parametrize("attempt", range(4))
def test_a_signal_between_two_reads_of_a_pipe_is_not_lost(attempt):
    """Reading a megabyte at a time missed it 35 times of 40."""
    with subprocess.Popen(
        [sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"reading\n"
        for _ in range(5):
            process.stdin.write(b"x" * 4096)
            process.stdin.flush()
            time.sleep(0.003)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM


def test_a_full_disk_leaves_nothing_behind(tmp_path):
    """A limit on the size of files stands for the full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError), Storage(0, tmp_path) as storage:  # noqa: PT011
            count([brute.sample_text()], storage=storage)
        with pytest.raises(OSError):  # noqa: PT011
            count([brute.sample_text()]).save(tmp_path / "a.counts")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_keeps_the_old_file(tmp_path, monkeypatch):
    counts = count([brute.sample_text(10)])
    counts.save(tmp_path / "a.counts")
    before = (tmp_path / "a.counts").read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError):  # noqa: PT011
            counts.save(tmp_path / "a.counts")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert (tmp_path / "a.counts").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_the_command_names_what_is_wrong(tmp_path):
    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", "zoo", "words", *arguments], capture_output=True, text=True
        )

    missing = run("none.txt")
    assert missing.returncode == 2
    assert missing.stderr.strip() == (
        "zoo: none.txt: no such file, or nothing in it; check the path"
    )
    (tmp_path / "a.txt").write_text(brute.sample_text(), encoding="utf-8")
    (tmp_path / "known.txt").write_text("天气 100 n\n", encoding="utf-8")
    found = run(
        str(tmp_path / "a.txt"), "--exclude", str(tmp_path / "known.txt"), "--min_count", "20"
    )
    assert found.returncode == 0
    words = [line.split("\t")[0] for line in found.stdout.splitlines()]
    assert "图书馆" in words
    assert "天气" not in words
