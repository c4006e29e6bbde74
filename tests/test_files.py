"""Files that are written whole or not at all."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT

from zoo.files import replacing, require_place


def put(path, text="new"):
    with replacing(path) as partial:
        partial.write_text(text)


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.tsv"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as partial:  # noqa: PT012
        partial.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_is_refused_before_the_work(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no/a\.tsv: no such folder; make it first"):
        require_place(tmp_path / "no" / "a.tsv")
    with pytest.raises(ValueError, match="cannot be written"):
        require_place(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "no" / "a.tsv")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        require_place(tmp_path / "link")
    for path in (tmp_path / "a.tsv", "/dev/stdout", "/dev/null", "a.tsv"):
        require_place(path)
    assert [path.name for path in tmp_path.iterdir()] == ["link"]


def test_the_mode_is_kept_and_a_link_followed(tmp_path):
    path, link = tmp_path / "table.tsv", tmp_path / "link.tsv"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path.name)
    put(link)
    assert link.is_symlink()
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    dangling = tmp_path / "dangling"
    dangling.symlink_to("made.tsv")
    put(dangling)
    assert (tmp_path / "made.tsv").read_text() == "new"


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_new_file_has_the_mode_of_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        put(tmp_path / "table.tsv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "table.tsv").stat().st_mode) == 0o666 & ~umask


def test_a_name_of_the_longest_length(tmp_path):
    put(tmp_path / ("x" * 255))
    assert (tmp_path / ("x" * 255)).read_text() == "new"


def test_what_is_no_regular_file_is_written_into(tmp_path):
    put("/dev/null")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_text()))
    reader.start()
    put(fifo)
    reader.join()
    assert read == ["new"]
    assert stat.S_ISFIFO(fifo.stat().st_mode)


@pytest.mark.parametrize("where", ["pipe", "file"])
def test_standard_output_is_written_into(where, tmp_path):
    script = "from test_files import put; print('before', flush=True); put('/dev/stdout')"
    command = [sys.executable, "-c", script]
    options = {"cwd": ROOT / "tests", "env": {**os.environ, "PYTHONPATH": str(ROOT)}}
    if where == "pipe":
        out = subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout
        assert out == "before\nnew"
    else:
        path = tmp_path / "out"
        with path.open("a") as file:
            subprocess.run(command, stdout=file, check=True, **options)
        assert "new" in path.read_text()
        assert list(tmp_path.iterdir()) == [path]
