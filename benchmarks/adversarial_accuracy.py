"""Claim: what FGM adds to the accuracy of the review classifier, with seeds and standard errors.

Trains the recipe `adversarial_fgm_sentiment` with and without FGM, measures each run on the test
split and on the test reviews that do not occur in training, and prints a Markdown table, beside
scikit-learn's logistic regression on TF-IDF weights of character 1-, 2- and 3-grams. A run that is
complete is not repeated, one that was interrupted is resumed.

    python benchmarks/adversarial_accuracy.py --root data/sentiment --seeds 3
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from zoo.adversarial.data import Sentiment

MODEL = "adversarial_fgm_sentiment"
VARIANTS = {"plain": ["--trainer.callbacks", "[]"], "FGM": []}
SPLITS = {"Sentiment": [], "Sentiment, unseen texts": ["--data.unseen_only", "true"]}


def zoo(*arguments):
    subprocess.run([sys.executable, "-m", "zoo", *arguments], check=True)


def train(run, variant, seed, root):
    """Return the checkpoint folder of one run."""
    folder = run / "checkpoint"
    if not folder.exists():
        resume = ["--ckpt_path", "last"] if any(run.rglob("last.ckpt")) else []
        options = ["--seed_everything", str(seed), "--trainer.default_root_dir", str(run)]
        data = ["--data.root", root, "--output", str(folder)]
        zoo("fit", MODEL, *VARIANTS[variant], *options, *data, *resume)
    return folder


def accuracy(folder, split, root):
    """Return the test accuracy recorded in a folder, in percent, measuring it if need be."""
    for _ in range(2):
        for row in json.loads((folder / "metrics.json").read_text())["results"]:
            if (row["metric"], row["data"]) == ("test_accuracy", split):
                return 100 * row["value"]
        zoo("test", str(folder), "--data.root", root, *SPLITS[split], "--record", "true")
    raise RuntimeError(f"{folder} has no test_accuracy on {split}")


def peer(root):
    """Return the accuracy of logistic regression on each split, in percent."""
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    model = make_pipeline(tfidf, LogisticRegression(C=10, max_iter=300))
    model.fit(*zip(*Sentiment(root).train, strict=True))
    scores = []
    for unseen in (False, True):
        test = Sentiment(root, unseen_only=unseen).test_dataloader().items
        scores.append(100 * model.score(*zip(*test, strict=True)))
    return scores


def summary(values):
    """Format mean and standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.2f} ± {error:.2f}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--root", default="data/sentiment", help="folder of the review set")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_accuracy"))
    options = parser.parse_args()
    found = {(variant, split): [] for variant in VARIANTS for split in SPLITS}
    for seed in range(options.seeds):
        for variant in reversed(VARIANTS):
            run = options.runs / f"{variant}_{seed}"
            folder = train(run, variant, seed, options.root)
            for split in SPLITS:
                value = accuracy(folder, split, options.root)
                found[variant, split].append(value)
                print(f"{variant}, seed {seed}, {split}: {value:.2f}", flush=True)
    print(f"\n| training | {' | '.join(SPLITS)} | seeds |\n|---|---|---|---|")
    for variant in VARIANTS:
        columns = [summary(found[variant, split]) for split in SPLITS]
        print(f"| {variant} | {' | '.join(columns)} | {options.seeds} |")
    columns = [f"{score:.2f}" for score in peer(options.root)]
    print(f"| scikit-learn, n-grams | {' | '.join(columns)} | 1 |")


if __name__ == "__main__":
    main()
