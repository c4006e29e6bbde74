"""Compiled code on disk: never stale, never another type's, never a reason to fail."""

import os
import resource
import subprocess
import sys

import pytest
from brute import sample_text

from zoo.kernels.cache import MachineCode

PARTS = {
    "far": "from zoo.kernels import kernel\n@kernel\ndef far(x):\n    return x + 1\n",
    "sizes": "SIZE = 10\n",
    "near": (
        "import sys\nimport parts.sizes as sizes\n"
        "from parts.far import far\nfrom parts.sizes import SIZE\n"
        "from zoo.kernels import kernel\n"
        "@kernel\ndef near(x):\n    return far(x) * SIZE\n"
        "value = near({'int': int, 'float': float}[sys.argv[1]](3))\n"
        "print(value, sum(near.stats.cache_misses.values()))\n"
    ),
}


@pytest.fixture
def parts(tmp_path):
    folder = tmp_path / "parts"
    folder.mkdir()
    for name, source in PARTS.items():
        (folder / f"{name}.py").write_text(source)
    (folder / "__init__.py").touch()
    return folder


def start(folder, kind="int", **environment):
    inherited = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    return subprocess.Popen(
        [sys.executable, "-c", "import parts.near", kind],
        cwd=folder.parent,
        env={**inherited, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def answer(folder):
    output, error = start(folder).communicate(timeout=100)
    assert output, error
    return tuple(map(float, output.split()))


def replace(path, old, new):
    """Changes a source as an upgrade in place might: same size, same time."""
    status = path.stat()
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_change_in_another_file_recompiles(parts):
    assert answer(parts) == (40, 1)
    assert answer(parts) == (40, 0)
    replace(parts / "far.py", "x + 1", "x + 2")
    assert answer(parts) == (50, 1)
    replace(parts / "sizes.py", "10", "20")
    assert answer(parts) == (100, 1)
    assert answer(parts) == (100, 0)
    assert len(list((parts / "__pycache__").glob("parts.near.*"))) == 1


def test_processes_that_start_together_share_no_wrong_code(parts):
    """Numba's own index lets two processes number their files alike."""
    expected = {"int": "40", "float": "40.0"}
    running = [(kind, start(parts, kind)) for kind in ["int", "float"] * 3]
    for kind, process in running:
        output, error = process.communicate(timeout=100)
        assert output.split()[:1] == [expected[kind]], error
    for kind in expected:
        assert start(parts, kind).communicate(timeout=100)[0].split() == [expected[kind], "0"]


def test_two_writers_with_the_same_view_of_the_folder(tmp_path):
    writers = [MachineCode(same, tmp_path) for _ in range(2)]
    for writer, key in zip(writers, ("int64", "float64"), strict=True):
        assert writer.load((key,)) is None
        writer.save((key,), f"code for {key}")
    assert [writers[0].load((key,)) for key in ("int64", "float64")] == [
        "code for int64",
        "code for float64",
    ]
    (tmp_path / "unrelated.nbc").touch()
    writers[0].flush()
    assert [path.name for path in tmp_path.iterdir()] == ["unrelated.nbc"]


def test_a_full_disk_is_no_error(tmp_path):
    code = MachineCode(same, tmp_path / "code")
    code.folder.mkdir()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))
    try:
        code.save(("int64",), "x" * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(code.folder.iterdir()) == []
    assert code.load(("int64",)) is None


def test_a_second_process_compiles_nothing_of_the_words():
    code = (
        "import sys, zoo\n"
        "zoo.discover_words(sys.argv[1] + chr(10), min_count=2)\n"
        "ours = [vars(m).values() for name, m in sys.modules.items() if name.startswith('zoo.')]\n"
        "kernels = {v for values in ours for v in values if hasattr(v, 'py_func')}\n"
        "print(len(kernels) > 20, sum(sum(k.stats.cache_misses.values()) for k in kernels))\n"
    )
    command = [sys.executable, "-c", code, sample_text(200)]
    runs = [
        subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in "ab"
    ]
    assert runs[1].stdout.strip() == "True 0"


def same(x):
    return x


@pytest.mark.parametrize("way", ["no folder", "another numba"])
def test_without_a_cache_every_process_compiles(parts, tmp_path, way):
    (parts / "__pycache__").touch()  # a file where a folder should be: nothing can go there
    environment = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null"}
    if way == "another numba":
        source = (parts / "near.py").read_text()
        (parts / "near.py").write_text(
            "from numba.core import caching\n"
            "class Other(caching.FunctionCache):\n"
            "    _cache_file = property(lambda self: self.none, lambda self, value: None)\n"
            "import numba.core.dispatcher as d\nd.FunctionCache = Other\n" + source
        )
        environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    process = start(parts, **environment)
    output, error = process.communicate(timeout=100)
    assert output.startswith("40 "), error
    assert error.count("kernels are compiled in every process") == 1
