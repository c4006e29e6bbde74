"""Knowledge bases of 400,000 entities beside pyahocorasick, in one run.

    pip install pyahocorasick
    python benchmarks/linking/speed.py [--entities 400000]

600,000 names, descriptions of 100 characters, from a seeded generator; 5,000 texts of 36
characters.
"""

import argparse
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy._core._multiarray_umath import __cpu_features__

from zoo.linking.knowledge.base import KnowledgeBase
from zoo.linking.knowledge.entities import Entity

HAN = np.arange(0x4E00, 0x4E00 + 3000)


def strings(draw, count, sizes):
    codes = draw.choice(HAN, size=int(np.sum(sizes)))
    ends = np.cumsum(sizes)
    text = "".join(map(chr, codes))
    return [text[end - size : end] for end, size in zip(ends, sizes, strict=True)]


def make(entities, seed=0):
    draw = np.random.default_rng(seed)
    names = strings(draw, 2 * entities, draw.integers(2, 7, 2 * entities))
    about = strings(draw, entities, np.full(entities, 100))
    second = draw.random(entities) < 0.5
    for number in range(entities):
        own = names[2 * number : 2 * number + 1 + second[number]]
        yield Entity(str(number), tuple(own), about[number])


def timed(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def line(claim, ours, theirs, ratio, limit):
    print(f"{claim:44}{ours:>12.4g}{theirs:>12.4g}{ratio:>10.3f}   limit {limit}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entities", type=int, default=400_000)
    count = parser.parse_args().entities
    import ahocorasick

    folder = Path(tempfile.mkdtemp())
    built, kb = timed(lambda: KnowledgeBase.build(make(count), folder))
    names = sorted({name for entity in kb for name in entity.folded_names()})
    draw = np.random.default_rng(1)
    texts = strings(draw, 5000, np.full(5000, 36))
    places = draw.integers(0, len(names), len(texts))
    texts = [names[i] + text[len(names[i]) :] for i, text in zip(places, texts, strict=True)]

    def automaton():
        made = ahocorasick.Automaton()
        for name in names:
            made.add_word(name, name)
        made.make_automaton()
        return made

    theirs, peer = timed(automaton)
    opened = min(timed(lambda: KnowledgeBase.open(folder))[0] for _ in range(5))
    kb = KnowledgeBase.open(folder)
    kb.all_matches(texts[:256])
    ours = min(timed(lambda: kb.all_matches(texts))[0] for _ in range(3))
    found = min(timed(lambda: [list(peer.iter(text)) for text in texts])[0] for _ in range(3))
    same = [len(of) for of in kb.all_matches(texts)] == [len(list(peer.iter(t))) for t in texts]
    fresh = [Entity(f"new{i}", (f"新{i}號",), "new" * 30) for i in range(1000)]
    added, _ = timed(lambda: kb.add(fresh))
    features = [name for name, there in __cpu_features__.items() if there and "AVX" in name]
    print(f"{count:,} entities, {len(names):,} names; {' '.join(features)}; same matches: {same}")
    print(f"{'':44}{'ours':>12}{'peer':>12}{'ratio':>10}")
    line("open, s, over building pyahocorasick's", opened, theirs, opened / theirs, "0.1")
    line("texts a second, all matches", 5000 / ours, 5000 / found, found / ours, ">= 0.35")
    line("add 1,000, s, over building", added, built, added / built, "0.05")
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"highest resident memory of this run, the peer's included: {memory:.0f} MB")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
