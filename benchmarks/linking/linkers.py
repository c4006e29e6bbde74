"""How many texts a second linkers link, all of it: names, mentions, entities.

    python -m benchmarks.linking.linkers [--models linking_poets linking_wordnet]

The texts of the test split of each model's own data, all at once; two threads, a wall clock, the
best of three. The limits are those of a bi-encoder, 200, and of the post's joint network, 60.
"""

import argparse
import time

import torch

import zoo
from zoo.linking.corpora import Poets, WordNet

MODELS = {"linking_poets": (Poets, 200), "linking_wordnet": (WordNet, 60)}  # texts, limit


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="*", default=list(MODELS), choices=MODELS)
    options = parser.parse_args()
    torch.set_num_threads(2)
    print(f"two threads, {torch.backends.cpu.get_cpu_capability()}")
    print("\n| model | texts | mean length | texts a second | at least |\n|---|---|---|---|---|")
    for name in options.models:
        corpus, limit = MODELS[name]
        net, texts = zoo.load(name), [text.text for text in corpus().texts("test")]
        net.link(texts[:32])
        seconds = []
        for _ in range(3):
            begin = time.perf_counter()
            net.link(texts)
            seconds.append(time.perf_counter() - begin)
        length = sum(map(len, texts)) / len(texts)
        print(
            f"| {name} | {len(texts)} | {length:.0f} | {len(texts) / min(seconds):.0f} | {limit} |"
        )


if __name__ == "__main__":
    main()
