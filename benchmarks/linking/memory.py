"""Resident memory of a linker on 400,000 entities: base, their vectors and torch.

    python -m benchmarks.linking.memory [--entities 400000]

The base of `benchmarks/linking/speed.py` is built, and encoded by `linking_poets`, in a process of
its own each; a third one opens both by memory mapping, links 2,000 texts and prints its highest
resident memory, the pages of the mapped files included. On Linux.
"""

import argparse
import multiprocessing
import re
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

import zoo
from benchmarks.linking.speed import make, strings
from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.vectors import EntityVectors

MODEL, TEXTS, LIMIT = "linking_poets", 2000, 800


def build(folder, count):
    KnowledgeBase.build(make(count), folder)


def encode(folder):
    torch.set_num_threads(1)
    net = zoo.load(MODEL).with_knowledge(KnowledgeBase.open(folder))
    net.encode_knowledge().write(folder)


def link(folder):
    """Link texts, each with a name of the base."""
    torch.set_num_threads(1)
    kb = KnowledgeBase.open(folder)
    net = zoo.load(MODEL).with_knowledge(kb)
    net.use_vectors(EntityVectors.open(folder))
    draw = np.random.default_rng(1)
    texts = strings(draw, TEXTS, np.full(TEXTS, 30))
    rows = draw.integers(0, len(kb), TEXTS).tolist()
    texts = [kb.at(row).names[0] + text for row, text in zip(rows, texts, strict=True)]
    start = time.perf_counter()
    found = sum(map(len, net.link(texts)))
    seconds = time.perf_counter() - start
    status = Path("/proc/self/status").read_text()
    size = {name: int(amount) // 1024 for name, amount in re.findall(r"(\w+):\s+(\d+) kB", status)}
    print(f"{len(kb):,} entities; {found:,} mentions of {TEXTS:,} texts, {seconds:.0f} s")
    print(f"highest resident memory: {size['VmHWM']} MB, limit {LIMIT} MB")
    print(f"at the end {size['VmRSS']} MB, of which files {size['RssFile']} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=400_000)
    count = parser.parse_args().entities
    apart = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for work, arguments in ((build, (folder, count)), (encode, (folder,)), (link, (folder,))):
            process = apart.Process(target=work, args=arguments)
            process.start()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{work.__name__} failed")


if __name__ == "__main__":
    main()
