"""Claim: a title that writes no pair of tokens twice repeats less, and scores a little lower.

`masks_title_csl` writes the titles of the 1,000 test pairs, greedy and with beam 4, with the rule
against repeated n-grams off, at 2 (the default) and at 3. Printed are the F1 of character ROUGE-L
with half its 95 % bootstrap interval, and the share of titles in which 2 or 3 characters in a row
occur twice, beside that of the true titles. CPU seconds are of one thread.

    python benchmarks/masks/titles.py --root data/title_csl
"""

import argparse
import time
from pathlib import Path

import torch

import zoo
from zoo.data.csl import read_papers
from zoo.metrics.rouge_bleu import TitleScores

SIZES = (None, 2, 3)  # of the n-grams that must not come twice
BEAMS = {1: {}, 4: {"length_penalty": 1.5}}


def repeating(titles, size):
    """Return the share of titles, in percent, in which so many characters in a row occur twice."""
    found = 0
    for title in titles:
        grams = [title[i : i + size] for i in range(len(title) - size + 1)]
        found += len(set(grams)) < len(grams)
    return 100 * found / len(titles)


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", type=Path, default=Path("data/title_csl"))
    parser.add_argument("--pairs", type=int, default=1000, help="test pairs; default 1000")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = zoo.load("masks_title_csl")
    papers = read_papers(arguments.root / "val.tsv")[: arguments.pairs]
    titles = [paper.title for paper in papers]
    row("", "no_repeat_ngram", "ROUGE-L", "2 characters twice", "3 characters twice", "CPU seconds")
    row(*["---"] * 6)
    row("the true titles", "", "", *(f"{repeating(titles, n):.1f} %" for n in (2, 3)), "")
    for beam, options in BEAMS.items():
        for size in SIZES:
            rule = {"no_repeat_ngram": size, **options}
            start = time.process_time()
            made = model.generate(
                [paper.abstract for paper in papers], beam=beam, max_new_tokens=32, **rule
            )
            seconds = time.process_time() - start
            scores = TitleScores()
            scores.update(made, titles)
            found = scores.compute()
            row(
                "greedy" if beam == 1 else f"beam {beam}",
                size or "off",
                f"{found['rouge_l']:.1f} ± {found['rouge_l_ci95']:.1f}",
                *(f"{repeating(made, n):.1f} %" for n in (2, 3)),
                f"{seconds:.0f}",
            )


if __name__ == "__main__":
    main()
