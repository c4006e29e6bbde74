"""How often does a pull fail when processes pull one repository at once into an empty cache?

    python benchmarks/hub/cold_cache.py --rounds 30

The repository is a bundled checkpoint on a server of the Hub's protocol, over loopback. Beside it
stands the same without the lock, which is how often the race is lost.
"""

import argparse
import multiprocessing
import os
import random
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

ROOT = Path(__file__).parents[2]
REPO = "someone/model"
SPREAD = 0.1  # seconds between the first that begins and the last


def work(barrier, rounds, url, root, locked, failures):
    """Pull once a round, each time into a new cache, when all are ready."""
    os.environ |= {"HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1"}
    from huggingface_hub import constants

    from zoo import hub
    from zoo.hub import download

    if not locked:
        download._alone_with = lambda commit, cache: nullcontext()
    for i in range(rounds):
        constants.HF_HUB_CACHE = str(root / f"{locked}{i}")
        barrier.wait()
        time.sleep(random.uniform(0, SPREAD))
        try:
            hub.pull(REPO)
        except (OSError, ValueError) as error:
            failures.append(str(error))


def failed(processes, rounds, url, locked):
    """Return the errors of all pulls."""
    context = multiprocessing.get_context("spawn")
    barrier, failures = context.Barrier(processes), context.Manager().list()
    with tempfile.TemporaryDirectory() as root:
        arguments = (barrier, rounds, url, Path(root), locked, failures)
        workers = [context.Process(target=work, args=arguments) for _ in range(processes)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    return list(failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--model", default="decoding_lstm_poems")
    options = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from hub_server import HubServer, Repo

    folder = ROOT / "zoo" / "checkpoints" / options.model
    with HubServer() as server:
        server.repos[REPO] = Repo()
        server.repos[REPO].commit({p.name: p.read_bytes() for p in folder.iterdir()})
        pulls = options.processes * options.rounds
        for locked in (True, False):
            errors = failed(options.processes, options.rounds, server.url, locked)
            how = "with" if locked else "without"
            print(f"{how} the lock: {len(errors)} of {pulls} pulls failed")
            for error in dict.fromkeys(errors):
                print(f"    {error}")


if __name__ == "__main__":
    main()
