"""Publishing and loading end to end, over loopback, against a server that speaks the protocol."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from hub_server import HubServer
from huggingface_hub import constants
from test_checkpoint import OPTIONAL, RESULT, TINY, contents, edit, seal, write

import zoo
from zoo import checkpoint, cli, registry
from zoo import hub as zoo_hub
from zoo.checkpoint import integrity

pytestmark = [
    pytest.mark.hub,
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),  # the client's own
]
REPO = "someone/tiny"
LISTED = [*integrity.REQUIRED, *OPTIONAL, integrity.SUMS]


@pytest.fixture(autouse=True)
def hub(tmp_path, monkeypatch):
    """A fresh server and a fresh cache; waiting between tries is cut short."""
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: sleep(min(seconds, 0.002)))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(registry._entries, TINY.name, TINY)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with HubServer() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "tiny")[0]


@pytest.fixture
def sha(folder):
    return zoo_hub.push(folder, REPO)


def cached(tmp_path):
    """Everything in the cache that holds, or would seem to hold, a commit."""
    store = tmp_path / "cache" / "models--someone--tiny"
    paths = [
        path for kind in ("snapshots", "refs", ".no_exist") for path in store.glob(f"{kind}/*")
    ]
    return [*paths, *store.rglob("*.incomplete")]


def test_push_and_pull_give_the_same_bytes(hub, folder, sha):
    assert hub.repos[REPO].head == sha
    assert contents(zoo_hub.pull(REPO)) == contents(folder)
    assert hub.repos[REPO].commits[sha].keys() == {".gitattributes", *LISTED}


def test_load_gives_the_same_network(folder, sha):
    ours, theirs = checkpoint.load(folder), zoo.load(REPO)
    for name, tensor in ours.state_dict().items():
        assert torch.equal(theirs.state_dict()[name], tensor)
    assert theirs.labels == ["Song", "Tang"]


def test_push_is_one_commit_on_the_head(hub, folder, sha):
    commits = [request for request in hub.requests if "/commit/" in request]
    assert len(commits) == 1
    assert list(hub.repos[REPO].commits)[1:] == [sha]


def test_second_push_commits_and_uploads_nothing(hub, folder, sha):
    hub.requests.clear()
    assert zoo_hub.push(folder, REPO) == sha
    assert not [r for r in hub.requests if "/commit/" in r or r.startswith("PUT")]
    assert len(hub.repos[REPO].commits) == 2


def test_new_commit_sends_what_changed_and_removes_what_is_gone(hub, tmp_path, folder, sha):
    write(folder, preprocess=None, recipe="seed_everything: 1\n")
    hub.requests.clear()
    new = zoo_hub.push(folder, REPO)
    assert new != sha
    assert not [r for r in hub.requests if r.startswith("PUT")], "the weights are there already"
    assert "preprocess.json" not in hub.repos[REPO].commits[new]
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


@pytest.mark.slow
def test_eight_processes_pull_into_an_empty_cache():
    script = ROOT / "benchmarks/hub/cold_cache.py"
    command = [sys.executable, str(script), "--rounds", "2"]
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert out.startswith("with the lock: 0 of 16 pulls failed"), out


def test_an_older_tag_gives_the_older_bytes(tmp_path):
    old, new = write(tmp_path / "old")[0], write(tmp_path / "new", seed=1)[0]
    first = zoo_hub.push(old, REPO, tag="v1")
    zoo_hub.push(new, REPO, tag="v2")
    assert contents(zoo_hub.pull(REPO, revision="v1")) == contents(old)
    assert contents(zoo_hub.pull(REPO)) == contents(new)
    assert contents(zoo_hub.pull(REPO, revision=first)) == contents(old)


def test_a_tag_never_moves(hub, tmp_path):
    old, new = write(tmp_path / "old")[0], write(tmp_path / "new", seed=1)[0]
    first = zoo_hub.push(old, REPO, tag="v1")
    assert zoo_hub.push(old, REPO, tag="v1") == first, "the same content under the same tag"
    with pytest.raises(ValueError, match=r"tag v1 of someone/tiny is at .* and stays"):
        zoo_hub.push(new, REPO, tag="v1")
    assert hub.repos[REPO].head == first, "nothing was pushed"


def test_stale_parent_is_refused(hub, tmp_path, folder, sha):
    write(folder, seed=1)
    hub.before_commit = lambda: hub.repos[REPO].commit({"README.md": b"someone was faster"})
    with pytest.raises(ValueError, match=r"moved on from .* during the push.*push again"):
        zoo_hub.push(folder, REPO)
    assert hub.repos[REPO].commits[hub.repos[REPO].head]["README.md"] == b"someone was faster"


def test_push_refuses_a_damaged_folder_and_a_lying_card(hub, folder):
    readme = folder / "README.md"
    text = readme.read_text("utf-8")
    readme.write_text(text.replace(str(RESULT["value"]), "0.99"), "utf-8")
    with pytest.raises(ValueError, match=r"README\.md: expected SHA-256"):
        zoo_hub.push(folder, REPO)
    seal(folder)
    with pytest.raises(ValueError, match=r"README\.md has 'test_accuracy' = 0\.99"):
        zoo_hub.push(folder, REPO)
    assert hub.requests == []


def test_push_refuses_what_does_not_load(hub, folder):
    edit(folder / "config.json", format=2)
    with pytest.raises(ValueError, match="format 2 is newer than 1"):
        zoo_hub.push(folder, REPO)
    assert hub.requests == []


def test_push_offline(hub, folder, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="HF_HUB_OFFLINE is set: unset it to push"):
        zoo_hub.push(folder, REPO)


def test_notes_travel(folder):
    checkpoint.annotate(folder, "as *it* is")
    zoo_hub.push(folder, REPO)
    assert "## Notes\n\nas *it* is\n" in (zoo_hub.pull(REPO) / "README.md").read_text("utf-8")


def test_push_does_not_empty_another_kind_of_repository(hub, folder):
    zoo_hub.push(folder, REPO)
    head = hub.repos[REPO].commit({integrity.SUMS: None, "thesis.tex": b"years of it"})
    with pytest.raises(ValueError, match=r"holds .* and no checkpoint"):
        zoo_hub.push(folder, REPO)
    assert hub.repos[REPO].head == head


def test_private(hub, folder):
    zoo_hub.push(folder, REPO, private=True)
    assert hub.repos[REPO].private
    zoo_hub.push(folder, "someone/open")
    with pytest.raises(ValueError, match="someone/open is public"):
        zoo_hub.push(folder, "someone/open", private=True)


def test_private_from_the_command_line(hub, folder):
    cli.main(["push", str(folder), REPO, "--private"])
    assert hub.repos[REPO].private


def test_cached_commit_makes_no_request(hub, folder, sha):
    zoo_hub.pull(REPO, revision=sha)
    hub.requests.clear()
    assert contents(zoo_hub.pull(REPO, revision=sha)) == contents(folder)
    assert hub.requests == []


def test_pull_to_a_folder(tmp_path, folder, sha):
    target = zoo_hub.pull(REPO, to=tmp_path / "deep" / "copy")
    assert target == tmp_path / "deep" / "copy"
    assert contents(target) == contents(folder)
    assert not any(path.is_symlink() for path in target.iterdir())
    (target / "mine.txt").write_text("keep")
    with pytest.raises(ValueError, match=r"holds mine\.txt"):
        zoo_hub.pull(REPO, to=target)


def test_the_cache_is_not_recorded_into(folder, sha):
    with pytest.raises(ValueError, match="is in the Hub's cache: copy it first"):
        checkpoint.record(zoo_hub.pull(REPO), [RESULT])
    assert contents(zoo_hub.pull(REPO, revision=sha)) == contents(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", integrity.SUMS])
@pytest.mark.parametrize("kind", ["flip", "truncate", "drop", "503", "missing"])
def test_a_fault_that_passes_is_survived(hub, folder, sha, kind, name):
    hub.break_(kind, name, times=2)
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", integrity.SUMS])
@pytest.mark.parametrize("kind", ["flip", "truncate", "drop", "503", "missing"])
def test_a_fault_that_stays_is_a_clear_error_and_leaves_nothing(
    hub, tmp_path, folder, sha, kind, name
):
    hub.break_(kind, name)
    with pytest.raises(ValueError, match=f"someone/tiny at {sha[:7]}, .*tried 3 times") as error:
        zoo_hub.pull(REPO, to=tmp_path / "copy")
    message = str(error.value)
    assert "\n" not in message
    assert "expected" in message
    assert "found" in message
    if name != integrity.SUMS:
        assert f"{name}: expected SHA-256 {integrity.read_sums(folder)[name]}" in message
    assert not cached(tmp_path)
    assert not (tmp_path / "copy").exists()
    hub.faults.clear()
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


def test_a_flipped_byte_in_the_sums_does_not_stick(hub, folder, sha):
    hub.break_("flip", integrity.SUMS, times=1)
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


def test_a_failed_update_leaves_the_older_commit_loadable(hub, folder, sha, monkeypatch):
    old = contents(folder)
    zoo_hub.pull(REPO)
    write(folder, seed=1)
    zoo_hub.push(folder, REPO)
    hub.break_("flip", "model.safetensors")
    with pytest.raises(ValueError, match="tried 3 times"):
        zoo_hub.pull(REPO)
    hub.break_("503", "revision/main")
    assert contents(zoo_hub.pull(REPO)) == old


def test_a_byte_that_rots_in_the_cache_is_fetched_again(hub, folder, sha):
    path = zoo_hub.pull(REPO) / "model.safetensors"
    content = path.read_bytes()
    path.resolve().write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert contents(zoo_hub.pull(REPO)) == contents(folder)
    assert contents(zoo_hub.pull(REPO, revision=sha)) == contents(folder)


def test_a_busy_hub_is_asked_again(hub, folder, sha):
    hub.break_("503", "revision/main", times=2)
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


def environment(hub, tmp_path):
    """What a fresh process needs to find the zoo, the server and the cache."""
    paths = [str(Path(__file__).parent), str(Path(zoo.__file__).parents[1])]
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.pathsep.join(paths),
        "HF_HUB_CACHE": str(tmp_path / "cache"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_ENDPOINT": hub.url,
    }


@pytest.mark.parametrize("killed", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_dies_while_it_pulls_harms_nobody(hub, tmp_path, folder, sha, killed):
    hub.break_("stall", "model.safetensors", times=1)
    pull = [sys.executable, "-c", f"import zoo.hub; zoo.hub.pull({REPO!r})"]
    process = subprocess.Popen(pull, env=environment(hub, tmp_path), stderr=subprocess.DEVNULL)
    assert hub.stalled.wait(60)
    process.send_signal(killed)
    process.wait()
    assert not list((tmp_path / "cache").glob("*/refs/*")), "what is not whole has no name"
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


def test_a_note_that_was_cut_short_names_no_commit(hub, tmp_path, folder, sha, monkeypatch):
    whole = zoo_hub.pull(REPO)
    (tmp_path / "cache" / "models--someone--tiny" / "refs" / "main").write_text("")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match="is not in the cache and HF_HUB_OFFLINE is set"):
        zoo_hub.pull(REPO)
    assert contents(zoo_hub.pull(REPO, revision=sha)) == contents(whole)


def test_a_cache_that_cannot_be_written(hub, tmp_path, folder, sha, monkeypatch):
    zoo_hub.pull(REPO, revision=sha)
    (tmp_path / "cache" / "models--someone--tiny" / "refs").write_text("in the way")
    assert contents(zoo_hub.pull(REPO)) == contents(folder), "what is there serves"
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "file"))
    with pytest.raises(OSError, match=r"cannot be kept in .*; make room, or name another") as error:
        zoo_hub.pull(REPO)
    assert "\n" not in str(error.value)


def test_offline_in_a_fresh_process(hub, tmp_path, folder):
    sha = zoo_hub.push(folder, REPO, tag="v1")
    for revision in (None, "v1"):
        zoo_hub.pull(REPO, revision=revision)
    code = f"""
import zoo
from test_checkpoint import TINY
from zoo import registry
registry.register(TINY)
for revision in (None, "v1", {sha!r}):
    assert zoo.load({REPO!r}, revision=revision).labels == ["Song", "Tang"]
for repo, revision in (({REPO!r}, "v2"), ("someone/else", None)):
    try:
        zoo.load(repo, revision=revision)
    except FileNotFoundError as error:
        print(error)
"""
    hub.__exit__()
    offline = environment(hub, tmp_path) | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=offline, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        f"{what} is not in the cache and HF_HUB_OFFLINE is set: unset it, or give a folder"
        for what in (f"{REPO} at v2", "someone/else at main")
    ]


def test_a_hub_that_is_gone(hub, folder, sha):
    zoo_hub.pull(REPO)
    hub.__exit__()
    assert contents(zoo_hub.pull(REPO)) == contents(folder), "from the cache, with a warning"
    for revision in ("v9", "0" * 40):
        with pytest.raises(FileNotFoundError, match=f"{hub.url} failed on {REPO}") as error:
            zoo_hub.pull(REPO, revision=revision)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("repo", "revision", "error", "message"),
    [
        ("someone/else", None, FileNotFoundError, "no repository that you may see at http"),
        ("someone/else", "0" * 40, FileNotFoundError, "no repository that you may see at http"),
        (REPO, "v9", ValueError, "someone/tiny has no revision 'v9': give a tag"),
        (REPO, "0" * 40, ValueError, "someone/tiny has no revision '000"),
        (REPO, "../main", ValueError, "is no tag, branch or full commit hash"),
    ],
)
def test_not_found(tmp_path, sha, repo, revision, error, message):
    with pytest.raises(error, match=message) as caught:
        zoo.load(repo, revision=revision)
    assert "\n" not in str(caught.value)
    assert not cached(tmp_path)


def test_gated(hub, folder, sha, tmp_path, monkeypatch):
    hub.repos[REPO].gated = True
    with pytest.raises(ValueError, match=f"is gated: ask for access at {hub.url}/{REPO}"):
        zoo_hub.pull(REPO)
    assert not cached(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_member")
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


def test_a_repository_without_a_checkpoint(hub, folder, sha):
    hub.repos[REPO].commit({integrity.SUMS: None})
    with pytest.raises(ValueError, match="SHA256SUMS: expected the sums of a checkpoint's files"):
        zoo_hub.pull(REPO)


def test_other_files_of_a_repository_are_not_fetched(hub, folder, sha):
    hub.repos[REPO].commit({"pytorch_model.bin": b"a pickle"})
    assert contents(zoo_hub.pull(REPO)) == contents(folder)


def test_resolve_prefers_a_folder_then_the_zoo(tmp_path, folder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "PACKAGE", tmp_path / "package")
    with pytest.raises(FileNotFoundError, match="does not come with the zoo: train it"):
        zoo_hub.resolve(TINY.name)
    bundled, _ = write(tmp_path / "package" / "checkpoints" / TINY.name)
    assert zoo_hub.resolve(TINY.name) == bundled
    (tmp_path / TINY.name / "version_0").mkdir(parents=True)
    assert zoo_hub.resolve(TINY.name) == bundled, "not the folder of its runs"
    (tmp_path / TINY.name / "version_0").rmdir()
    write(tmp_path / TINY.name)
    assert zoo_hub.resolve(TINY.name).resolve() == tmp_path / TINY.name
    write(tmp_path / "someone" / "tiny")
    assert zoo_hub.resolve(REPO).resolve() == tmp_path / REPO


@pytest.mark.parametrize(
    ("source", "revision", "error", "message"),
    [
        ("masks_tiny_tset", None, ValueError, "masks_tiny_test"),
        ("./nowhere", None, FileNotFoundError, "is no folder"),
        ("a/b/c", None, FileNotFoundError, "is no folder"),
        (Path("someone/tiny"), None, FileNotFoundError, "is no folder"),
        ("model.ckpt", None, ValueError, "pickle"),
        ("someone/model.bin", None, ValueError, "pickle"),
        (TINY.name, "v1", ValueError, "is no Hub repository, so it has no revision"),
    ],
)
def test_bad_sources(hub, source, revision, error, message):
    with pytest.raises(error, match=message) as caught:
        zoo.load(source, revision=revision)
    assert "\n" not in str(caught.value)
    assert hub.requests == []
