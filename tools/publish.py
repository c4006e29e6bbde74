"""Publish every checkpoint that comes with the zoo on the Hub, a repository a model.

python tools/publish.py OWNER [--tag v1]

A repository has the name of its folder. What is there already is not sent again. Then `OWNER` is
set in `zoo/models.py`, so that `zoo.load` finds there what the wheel leaves out.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from zoo import hub, registry
from zoo.checkpoint import verify

CHECKPOINTS = registry.PACKAGE / "checkpoints"
MODELS = registry.PACKAGE / "models.py"


def publish(
    owner: str, tag: str | None = None, root: Path = CHECKPOINTS
) -> Iterator[tuple[str, str]]:
    """Push each checkpoint folder below `root` to `owner/<its name>`.

    All folders are verified before the first is sent.

    Yields:
        A repository and its commit, after each push.

    Raises:
        ValueError: as `zoo.hub.push`, or if a folder is damaged; the later ones are not sent.
    """
    folders = [verify(path) for path in sorted(root.iterdir()) if path.is_dir()]
    for folder in folders:
        repo = f"{owner}/{folder.name}"
        yield repo, hub.push(folder, repo, tag=tag)


def set_owner(owner: str, models: Path) -> None:
    """Write into `zoo/models.py` whose the repositories are."""
    text, count = re.subn('(?m)^OWNER = "[^"]*"', f'OWNER = "{owner}"', models.read_text("utf-8"))
    if count != 1:
        raise ValueError(f"{models} has no line OWNER = ...: put it back")
    models.write_text(text, "utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Push them all, and print each repository with its commit."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("owner", help="an account or an organisation of the Hub")
    parser.add_argument("--tag", help="a tag for the commits, such as v1")
    given = parser.parse_args(arguments)
    for repo, commit in publish(given.owner, given.tag):
        print(f"{repo}\t{commit}", flush=True)
    set_owner(given.owner, MODELS)
    print(f"{MODELS}: OWNER is {given.owner}; commit it, and release", file=sys.stderr)


if __name__ == "__main__":
    main()
