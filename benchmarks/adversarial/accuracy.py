"""Claim: what each method adds to the accuracy of the review classifier, with standard errors.

Trains the recipe `adversarial_fgm_sentiment` plain and under each method, measures each run on the
test split and on the test reviews that do not occur in training, and prints a Markdown table,
beside scikit-learn's logistic regression on TF-IDF weights of character 1-, 2- and 3-grams. A run
that is complete is not repeated, one that was interrupted is resumed. `choose` compares strengths
on the validation split, one seed each.

    python benchmarks/adversarial/accuracy.py choose --root data/sentiment
    python benchmarks/adversarial/accuracy.py table --root data/sentiment --seeds 5
"""

import argparse
import csv
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
FORMS = {  # of the callbacks, at a strength
    "FGM": lambda x: [("FGM", {"epsilon": x})],
    "PGD-3": lambda x: [("PGD", {"epsilon": x, "steps": 3, "alpha": x / 2})],
    "FreeLB-3": lambda x: [("FreeLB", {"epsilon": x, "steps": 3, "alpha": x / 2})],
    "gradient penalty": lambda x: [("GradientPenalty", {"epsilon": x})],
    "VAT": lambda x: [("VirtualAdversarial", {"epsilon": x, "xi": x, "logits": "net.head"})],
    "R-Drop": lambda x: [("RDrop", {"alpha": x, "logits": "net.head"})],
    "AWP": lambda x: [("WeightPerturbation", {"gamma": x})],
    "R-Drop + FGM": lambda x: [
        ("RDrop", {"alpha": 1.0, "logits": "net.head"}),
        ("FGM", {"epsilon": x}),
    ],
}
STRENGTHS = {  # that `choose` compares
    "FGM": (0.1, 0.3, 1.0),
    "PGD-3": (0.1, 0.3, 1.0),
    "FreeLB-3": (0.1, 0.3, 1.0),
    "gradient penalty": (0.1, 1.0, 10.0),
    "VAT": (0.1, 0.3, 1.0),
    "R-Drop": (0.5, 1.0, 4.0),
    "AWP": (0.003, 0.01, 0.03),
    "R-Drop + FGM": (0.1, 0.3, 1.0),
}
CHOSEN = {"FGM": 0.1}  # by `choose`; a method without a strength here is left out of the table
SPLITS = {"Sentiment": [], "Sentiment, unseen texts": ["--data.unseen_only", "true"]}


def zoo(*arguments):
    subprocess.run([sys.executable, "-m", "zoo", *arguments], check=True)


def callbacks(variant, strength):
    """Return the option of the command line that trains a variant."""
    chosen = FORMS[variant](strength) if variant != "plain" else []
    value = [{"class_path": f"zoo.adversarial.{name}", "init_args": a} for name, a in chosen]
    return ["--trainer.callbacks", json.dumps(value)]


def train(run, variant, strength, seed, root):
    """Return the checkpoint folder of one run."""
    folder = run / "checkpoint"
    if not folder.exists():
        resume = ["--ckpt_path", "last"] if any(run.rglob("last.ckpt")) else []
        options = ["--seed_everything", str(seed), "--trainer.default_root_dir", str(run)]
        data = ["--data.root", root, "--output", str(folder)]
        zoo("fit", MODEL, *callbacks(variant, strength), *options, *data, *resume)
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


def best_valid(run):
    """Return the best validation accuracy in the log of a run, in percent."""
    with (run / "checkpoint" / "train_log.csv").open(encoding="utf-8") as file:
        return 100 * max(float(row["valid_accuracy"]) for row in csv.DictReader(file))


def choose(options):
    """Print the validation accuracy of each method at each strength."""
    print("| method | strength | validation accuracy, seed 0 |\n|---|---|---|")
    for variant in options.only or FORMS:
        for strength in STRENGTHS[variant]:
            run = options.runs / f"choose_{variant}_{strength}".replace(" ", "_")
            train(run, variant, strength, 0, options.root)
            print(f"| {variant} | {strength} | {best_valid(run):.2f} |", flush=True)


def table(options):
    """Print the table of methods."""
    variants = {"plain": None, **CHOSEN}
    found = {(variant, split): [] for variant in variants for split in SPLITS}
    for seed in range(options.seeds):
        for variant, strength in variants.items():
            run = options.runs / f"{variant}_{seed}".replace(" ", "_")
            folder = train(run, variant, strength, seed, options.root)
            for split in SPLITS:
                value = accuracy(folder, split, options.root)
                found[variant, split].append(value)
                print(f"{variant}, seed {seed}, {split}: {value:.2f}", flush=True)
    print(f"\n| training | {' | '.join(SPLITS)} | seeds |\n|---|---|---|---|")
    for variant in variants:
        columns = [summary(found[variant, split]) for split in SPLITS]
        print(f"| {variant} | {' | '.join(columns)} | {options.seeds} |")
    columns = [f"{score:.2f}" for score in peer(options.root)]
    print(f"| scikit-learn, n-grams | {' | '.join(columns)} | 1 |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["choose", "table"])
    parser.add_argument("--root", default="data/sentiment", help="folder of the review set")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=FORMS, help="for `choose`: these methods")
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_accuracy"))
    options = parser.parse_args()
    {"choose": choose, "table": table}[options.what](options)


if __name__ == "__main__":
    main()
