"""A small server that speaks the protocol of the Hugging Face Hub, over loopback, in memory.

It serves tests, and whoever wants to try a push by hand:

    python tests/hub_server.py --port 8000
    HF_HUB_DISABLE_XET=1 HF_ENDPOINT=http://127.0.0.1:8000 zoo push FOLDER owner/name
"""

import argparse
import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

Fault = Literal["flip", "truncate", "drop", "stall", "503", "missing"]
LARGE = (".safetensors",)  # what the Hub keeps in LFS


@dataclass
class Repo:
    """Commits of one branch: each maps paths to contents."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> str:
        return list(self.commits)[-1]

    def commit(self, files: dict[str, bytes | None]) -> str:
        """Add, change or (None) delete files on top of the head."""
        tree = dict(self.commits[self.head]) if self.commits else {}
        for path, content in files.items():
            if content is None:
                del tree[path]
            else:
                tree[path] = content
        sha = hashlib.sha1(f"{len(self.commits)}{sorted(tree.items())}".encode()).hexdigest()
        self.commits[sha] = tree
        return sha

    def find(self, revision: str) -> str:
        """Return the commit of a branch, tag or hash."""
        sha = self.head if revision == "main" else self.tags.get(revision, revision)
        if sha not in self.commits:
            raise HubError(404, "RevisionNotFound")
        return sha


class HubError(Exception):
    """An error reply: status and the Hub's code for it."""

    def __init__(self, status: int, code: str):
        self.status, self.code = status, code


class HubServer:
    """The server: `with HubServer() as hub:`, then `hub.url`.

    `requests` lists what was asked of it as "METHOD path"; `before_commit` is called before each
    commit, which lets a test win a race; `stalled` is set when an answer stops halfway.
    """

    def __init__(self, port: int = 0):
        self.repos: dict[str, Repo] = {}
        self.objects: dict[str, bytes] = {}  # uploads to LFS that no commit has yet
        self.requests: list[str] = []
        self.faults: list[list] = []
        self.before_commit = lambda: None
        self.stalled, self.going = threading.Event(), threading.Event()
        self.closed = False
        handler = type("Handler", (Handler,), {"hub": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closed = True
        self.going.set()
        self.server.shutdown()
        self.server.server_close()

    def break_(self, kind: Fault, path: str, times: float = float("inf")):
        """Spoil the next GETs or POSTs of what ends with `path`."""
        self.faults.append([kind, path, times])

    def fault(self, path: str) -> Fault | None:
        for fault in self.faults:
            if path.endswith(fault[1]) and fault[2] > 0:
                fault[2] -= 1
                return fault[0]
        return None


def git_hash(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


def tree_entry(path: str, content: bytes) -> dict:
    entry = {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}
    if path.endswith(LARGE):
        sha256 = hashlib.sha256(content).hexdigest()
        entry["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return entry


class Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # headers and body go out apart, which would wait for an ACK

    ROUTES = (
        ("POST", r"/api/repos/create", "create"),
        ("POST", r"/api/validate-yaml", "validate"),
        ("POST", r"/api/models/(\w[^/]*/[^/]+)/preupload/([^/]+)", "preupload"),
        ("POST", r"/(\w[^/]*/[^/]+)\.git/info/lfs/objects/batch", "batch"),
        ("PUT", r"/lfs/(\w+)", "upload"),
        ("POST", r"/lfs/verify", "verify"),
        ("POST", r"/api/models/(\w[^/]*/[^/]+)/commit/([^/]+)", "commit"),
        ("POST", r"/api/models/(\w[^/]*/[^/]+)/tag/([^/]+)", "tag"),
        ("GET", r"/api/models/(\w[^/]*/[^/]+)/refs", "refs"),
        ("GET", r"/api/models/(\w[^/]*/[^/]+)/tree/([^/]+)", "tree"),
        ("GET", r"/api/models/(\w[^/]*/[^/]+)(?:/revision/([^/]+))?", "info"),
        ("GET", r"/(\w[^/]*/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
        ("HEAD", r"/(\w[^/]*/[^/]+)/resolve/([^/]+)/(.+)", "resolve"),
    )

    def handle_one(self):
        if self.hub.closed:  # a connection that was kept alive
            self.close_connection = True
            return None
        path = urlsplit(self.path).path
        self.hub.requests.append(f"{self.command} {path}")
        self.body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.broken = None if self.command == "HEAD" else self.hub.fault(path)
        try:
            if self.broken == "503":
                raise HubError(503, "Unavailable")
            if self.broken == "missing":
                raise HubError(404, "EntryNotFound")
            for method, pattern, name in self.ROUTES:
                if method == self.command and (match := re.fullmatch(pattern, path)):
                    groups = (unquote(group) if group else "main" for group in match.groups())
                    return getattr(self, name)(*groups)
            raise HubError(404, "NotFound")
        except HubError as error:
            self.reply(b"", error.status, {"X-Error-Code": error.code})

    do_GET = do_HEAD = do_POST = do_PUT = handle_one  # noqa: N815

    def log_message(self, *_):
        pass

    def repo(self, name: str) -> Repo:
        if name not in self.hub.repos:
            raise HubError(404, "RepoNotFound")
        return self.hub.repos[name]

    def json(self, content: dict | list, status: int = 200):
        self.reply(json.dumps(content).encode(), status, {"Content-Type": "application/json"})

    def reply(self, body: bytes, status: int, headers: dict[str, str]):
        """Answer, spoiling the body as the fault asks for."""
        if self.broken == "truncate":
            body = body[: len(body) // 2]
        if self.broken == "flip":
            body = body[:-1] + bytes([body[-1] ^ 1])
        begin = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        if status == 200 and begin:
            status = 206
            headers |= {"Content-Range": f"bytes {begin}-{len(body) - 1}/{len(body)}"}
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) - begin))
        self.end_headers()
        cut = self.broken in ("drop", "stall")
        if self.command != "HEAD":
            self.wfile.write(body[begin : len(body) // 2 if cut else len(body)])
        if self.broken == "stall":
            self.hub.stalled.set()
            self.hub.going.wait()
        self.close_connection |= cut

    def create(self):
        wanted = json.loads(self.body)
        name = f"{wanted['organization']}/{wanted['name']}"
        known = name in self.hub.repos
        if not known:
            repo = self.hub.repos[name] = Repo(private=wanted.get("visibility") == "private")
            repo.commit({".gitattributes": b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n"})
        self.json({"url": f"{self.hub.url}/{name}"}, 409 if known else 200)

    def validate(self):
        self.json({"errors": [], "warnings": []})

    def info(self, name: str, revision: str):
        repo = self.repo(name)
        sha = repo.find(revision)
        self.json({"id": name, "sha": sha, "private": repo.private, "gated": repo.gated})

    def refs(self, name: str):
        repo = self.repo(name)
        tags = [
            {"name": tag, "ref": f"refs/tags/{tag}", "targetCommit": sha}
            for tag, sha in repo.tags.items()
        ]
        main = {"name": "main", "ref": "refs/heads/main", "targetCommit": repo.head}
        self.json({"branches": [main], "converts": [], "tags": tags})

    def tree(self, name: str, revision: str):
        repo = self.repo(name)
        files = repo.commits[repo.find(revision)]
        self.json([tree_entry(path, content) for path, content in sorted(files.items())])

    def resolve(self, name: str, revision: str, path: str):
        repo = self.repo(name)
        if repo.gated and "Authorization" not in self.headers:
            raise HubError(403, "GatedRepo")
        sha = repo.find(revision)
        if path not in repo.commits[sha]:
            raise HubError(404, "EntryNotFound")
        content = repo.commits[sha][path]
        entry = tree_entry(path, content)
        headers = {"X-Repo-Commit": sha, "ETag": f'"{entry["oid"]}"', "Accept-Ranges": "bytes"}
        if "lfs" in entry:
            headers["X-Linked-Etag"] = f'"{entry["lfs"]["oid"]}"'
            headers["X-Linked-Size"] = str(len(content))
        self.reply(content, 200, headers)

    def preupload(self, name: str, revision: str):
        repo = self.repo(name)
        there = repo.commits[repo.find(revision)]
        files = []
        for file in json.loads(self.body)["files"]:
            path = file["path"]
            entry = tree_entry(path, there[path]) if path in there else {}
            mode = "lfs" if PurePosixPath(path).suffix in LARGE else "regular"
            oid = entry["lfs"]["oid"] if "lfs" in entry else entry.get("oid")
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": oid})
        self.json({"files": files})

    def batch(self, name: str):
        self.repo(name)
        objects = [
            {
                "oid": wanted["oid"],
                "size": wanted["size"],
                "actions": {
                    "upload": {"href": f"{self.hub.url}/lfs/{wanted['oid']}", "header": {}},
                    "verify": {"href": f"{self.hub.url}/lfs/verify", "header": {}},
                },
            }
            for wanted in json.loads(self.body)["objects"]
        ]
        self.json({"transfer": "basic", "objects": objects})

    def upload(self, oid: str):
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "BadHash")
        self.hub.objects[oid] = self.body
        self.json({})

    def verify(self):
        if json.loads(self.body)["oid"] not in self.hub.objects:
            raise HubError(404, "NotFound")
        self.json({})

    def commit(self, name: str, revision: str):
        self.hub.before_commit()
        repo = self.repo(name)
        lines = [json.loads(line) for line in self.body.splitlines()]
        if lines[0]["value"].get("parentCommit", repo.head) != repo.find(revision):
            raise HubError(412, "PreconditionFailed")
        changes: dict[str, bytes | None] = {}
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                changes[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                changes[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                changes[value["path"]] = None
        sha = repo.commit(changes)
        self.json({"commitOid": sha, "commitUrl": f"{self.hub.url}/{name}/commit/{sha}"})

    def tag(self, name: str, revision: str):
        repo, tag = self.repo(name), json.loads(self.body)["tag"]
        if tag in repo.tags:
            raise HubError(409, "TagExists")
        repo.tags[tag] = repo.find(revision)
        self.json({})


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    with HubServer(parser.parse_args().port) as hub:
        print(hub.url, flush=True)
        threading.Event().wait()
