"""What all tests share: the tiny twins of the recipes, and no network but this machine's."""

import os
import signal
import socket
from pathlib import Path

import hypothesis
import pytest

hypothesis.settings.register_profile("zoo", deadline=None)  # a loaded machine is no fault
hypothesis.settings.load_profile("zoo")

os.environ.setdefault("OMP_NUM_THREADS", "1")  # small nets; two threads a process only wait
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # the loopback Hub speaks plain LFS
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:  # as a shell's background jobs inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parent.parent
collect_ignore = ["toy"]  # what test_adding.py adds to a copy


def twin(name):
    """Return the options that make a model's recipe tiny."""
    from zoo import registry

    return ["--config", str(ROOT / "tests/conf" / registry.describe(name).recipe)]


def assemble(name, *options):
    """Build a tiny model, its data and its trainer, as `zoo fit` does."""
    from zoo import registry
    from zoo.training import run as training

    recipe = ["--config", str(registry.describe(name).recipe_path), *twin(name)]
    return training.assemble([*recipe, *options])


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    """Let the twins name their data relative to the checkout."""
    monkeypatch.chdir(ROOT)


@pytest.fixture(autouse=True)
def no_rank(monkeypatch):
    """Forget the rank that a run in this process left: its heirs would wait for each other."""
    for name in ("LOCAL_RANK", "NODE_RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def only_loopback(monkeypatch):
    """Refuse connections to other machines."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise PermissionError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture
def data():
    """The folder of the data sets that are not part of the project."""
    if "ZOO_DATA" not in os.environ:
        pytest.skip("ZOO_DATA does not name the folder of the data sets")
    return Path(os.environ["ZOO_DATA"])
