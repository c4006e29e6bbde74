"""What macOS and Windows lack is not asked for: tried on Linux, with the names taken away."""

import ast
import subprocess
import sys

from conftest import ROOT

# names of the standard library that are not on Windows
# (docs.python.org: signal, os, "Availability: Unix")
MODULES = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "readline")
NAMES = {
    "signal": (
        *("SIGKILL", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGCHLD", "SIGPIPE"),
        *("SIGCONT", "SIGSTOP", "SIGTSTP", "alarm", "setitimer", "pause", "pthread_kill"),
        *("pthread_sigmask", "siginterrupt", "sigwait"),
    ),
    "os": (
        *("fork", "forkpty", "getuid", "geteuid", "getgid", "getpgid", "setsid", "killpg", "nice"),
        *("mkfifo", "mknod", "uname", "sysconf", "statvfs", "chown", "chroot", "getloadavg"),
        *("pread", "pwrite", "preadv", "sched_getaffinity", "sched_yield", "posix_fadvise"),
        *("posix_fallocate", "O_DIRECTORY", "O_NOFOLLOW", "O_SYNC", "O_DIRECT", "O_NONBLOCK"),
        *("openpty", "ttyname", "wait3", "WNOHANG", "setpriority", "sendfile", "memfd_create"),
    ),
}
GUARDED = {("words/cli.py", "signal.SIGHUP"), ("words/counting/memory.py", "os.sysconf")}

TRIAL = """
import importlib, os, pkgutil, signal, sys
# the libraries know these systems by sys.platform, and are imported as they are here
import huggingface_hub, jsonargparse, lightning.pytorch, matplotlib.pyplot, numba, PIL.Image
import rich.console, safetensors.torch, scipy.sparse.linalg, tokenizers, torch, torchmetrics
import torchvision
from transformers import Trainer, TrainerCallback
for module in {modules}:
    sys.modules[module] = None
for module, names in {names}.items():
    for name in names:
        vars(sys.modules[module]).pop(name, None)
import zoo
for found in pkgutil.walk_packages(zoo.__path__, "zoo."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
print(zoo.load("adversarial_fgm_poems").predict(["床前明月光，疑是地上霜。"])[0].label)
limit = zoo.words.counting.memory.Budget.of(None).limit
print(limit == 4 << 30)  # half of what is taken for granted
"""


def test_all_is_imported_and_used_without_what_windows_lacks():
    trial = TRIAL.format(modules=MODULES, names=NAMES)
    done = subprocess.run(
        [sys.executable, "-c", trial], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["Tang", "True"]


def test_every_use_of_such_a_name_is_known():
    found = set()
    for path in (ROOT / "zoo").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            named = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
            if named and node.attr in NAMES.get(node.value.id, ()):
                place = path.relative_to(ROOT / "zoo").as_posix()
                found.add((place, f"{node.value.id}.{node.attr}"))
    assert found == GUARDED
