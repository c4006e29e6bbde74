"""Sealed folders: no damage goes unseen, and a folder is replaced whole or not at all."""

import errno
import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zoo.checkpoint import integrity

OPTIONAL = ["preprocess.json", "recipe.yaml", "metrics.json", "README.md", "samples.png"]
FILES = [*integrity.REQUIRED, *OPTIONAL]


def seal(folder, files=FILES):
    """Make a checkpoint folder, as far as its seal can tell."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / name).write_bytes(f"{name}, in {folder.name}\r\n".encode() * 3)
    integrity.write_sums(folder)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path):
    return seal(tmp_path / "tiny")


def test_sha256sum_agrees(folder):
    subprocess.run(["sha256sum", "--check", "--strict", integrity.SUMS], cwd=folder, check=True)
    assert integrity.verify(folder) == folder


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "unlist"])
def test_every_damage_to_every_file_is_refused(folder, name, damage):
    path, sums = folder / name, folder / integrity.SUMS
    content = path.read_bytes()
    expected = hashlib.sha256(content).hexdigest()
    if damage == "flip":
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "truncate":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "remove":
        path.unlink()
    else:
        sums.write_text("".join(x for x in sums.open() if name not in x))
        expected = f"a line in {integrity.SUMS}"
    found = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "no such file"
    with pytest.raises(ValueError, match=name) as error:
        integrity.verify(folder)
    assert expected in str(error.value)
    assert ("none" if damage == "unlist" else found) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "line", ["../secret", "/etc/passwd", "a/b", "SHA256SUMS", "config.json", ".hidden", "", "x\r"]
)
def test_sums_name_each_plain_file_once(folder, line):
    with (folder / integrity.SUMS).open("a", newline="") as file:
        file.write(f"{'0' * 64}  {line}\n")
    with pytest.raises(ValueError, match="SHA256SUMS: expected a line"):
        integrity.verify(folder)


@settings(max_examples=100)
@given(st.binary() | st.text().map(str.encode))
def test_fuzzed_sums_are_refused_on_one_line(tmp_path_factory, content):
    folder = seal(tmp_path_factory.mktemp("fuzz"))
    (folder / integrity.SUMS).write_bytes(content)
    with pytest.raises(ValueError, match=integrity.SUMS) as error:
        integrity.verify(folder)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", integrity.PICKLES)
def test_pickles_are_refused_alone_and_among_the_files(tmp_path, suffix):
    pickle = tmp_path / f"model{suffix}"
    pickle.write_bytes(b"cos\nsystem\n(S'touch /tmp/owned'\ntR.")
    with pytest.raises(ValueError, match=r"pickle.*offer a checkpoint folder"):
        integrity.verify(pickle)
    folder = seal(tmp_path / "tiny", [*FILES, pickle.name])
    with pytest.raises(ValueError, match=f"model{suffix}: expected no pickle"):
        integrity.verify(folder)


@pytest.mark.parametrize("suffix", integrity.PROGRAMS)
def test_what_python_would_import_is_no_part_of_a_folder(tmp_path, suffix):
    (tmp_path / f"yaml{suffix}").write_text("import os\n")
    folder = seal(tmp_path / "tiny", [*FILES, f"yaml{suffix}"])
    with pytest.raises(ValueError, match=f"yaml{suffix}: expected no pickle and no program"):
        integrity.verify(folder)


def test_a_folder_that_is_none_or_no_checkpoint(tmp_path):
    with pytest.raises(FileNotFoundError, match="give a checkpoint folder"):
        integrity.verify(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"is no checkpoint: it has no SHA256SUMS; give a folder"):
        integrity.verify(tmp_path)


def test_the_seal_does_not_depend_on_who_may_read(tmp_path):
    before = os.umask(0o077)
    try:
        private = seal(tmp_path / "private" / "tiny")
    finally:
        os.umask(before)
    assert contents(private) == contents(seal(tmp_path / "tiny"))


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), ValueError("no"), OSError("no")])
def test_a_failure_leaves_the_old_folder_and_nothing_else(tmp_path, folder, failure):
    before = contents(folder)
    with pytest.raises(type(failure)), integrity.replacing(folder) as partial:  # noqa: PT012
        seal(partial)
        raise failure
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_a_full_disk_is_one_line_with_the_mend(tmp_path, folder):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "model.safetensors")
    expected = "cannot be written: no space left on device; "
    with pytest.raises(OSError, match=expected) as error, integrity.replacing(folder):
        raise full
    assert str(folder) in str(error.value)
    assert list(tmp_path.iterdir()) == [folder]


def test_a_failed_swap_puts_the_old_folder_back(tmp_path, folder, monkeypatch):
    before, rename = contents(folder), Path.rename

    def refuse(path, target):
        if path.name.startswith(".tiny.") and not path.name.endswith(".old"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="input/output error"), integrity.replacing(folder) as partial:
        seal(partial)
    assert contents(folder) == before
    assert list(tmp_path.iterdir()) == [folder]


def test_only_checkpoints_are_replaced(tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    assert integrity.require_replaceable(work) == work, "an empty folder may be used"
    seal(work)
    assert integrity.require_replaceable(work) == work
    (work / "thesis.txt").write_text("years of it")
    with pytest.raises(ValueError, match=r"holds thesis\.txt"):
        integrity.require_replaceable(work)
    with pytest.raises(ValueError, match="is a file"):
        integrity.require_replaceable(work / "thesis.txt")


def test_where_nothing_can_be_written_is_said_beforehand(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PermissionError, match=r"cannot be written: .* choose another folder"):
        integrity.require_replaceable(tmp_path / "file" / "deep" / "tiny")


def test_another_download_with_sums_is_no_checkpoint(tmp_path):
    seal(tmp_path, ["debian.iso"])
    with pytest.raises(ValueError, match="is not only a checkpoint: it holds"):
        integrity.require_replaceable(tmp_path)
