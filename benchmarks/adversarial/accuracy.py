"""Claim: what each method adds to the accuracy of the review classifier, with intervals.

Trains the recipe `adversarial_fgm_sentiment` plain and under each method, measures each run on the
test split and on the test reviews that do not occur in training, and prints a Markdown table,
beside scikit-learn's logistic regression on TF-IDF weights of character 1-, 2- and 3-grams. What
a method adds to plain training stands beside it, paired by seed and review, with a 95 % interval
over reviews and one over seeds.

`choose` compares strengths by the best validation accuracy of seed 0; `train` trains plain and each
method at its best strength, seed by seed; `table` prints what there is. What is measured stands in
`accuracy.jsonl`, a line a run, and is not repeated; a run that was stopped goes on. Options at the
end go to `zoo fit`; those that change what is found want a file of their own (`--rows`).

    python -m benchmarks.adversarial.accuracy choose --root data/sentiment
    python -m benchmarks.adversarial.accuracy train --root data/sentiment --seeds 5
    python -m benchmarks.adversarial.accuracy table --root data/sentiment
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.rows import once, read_rows
from zoo import hub
from zoo.data.sentiment import read_reviews
from zoo.metrics.bootstrap import bootstrap_interval

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
    "FGM": (0.03, 0.1, 0.3),
    "PGD-3": (0.03, 0.1, 0.3),
    "FreeLB-3": (0.03, 0.1, 0.3),
    "gradient penalty": (0.1, 1.0, 10.0),
    "VAT": (0.1, 0.3),
    "R-Drop": (1.0, 4.0),
    "AWP": (0.003, 0.01),
    "R-Drop + FGM": (0.03, 0.1),
}
CHOOSING = 1  # epochs of a run of `choose`
BATCH = 64  # texts that are classified at a time


def zoo(*arguments):
    subprocess.run([sys.executable, "-m", "zoo", *arguments], check=True)


def callbacks(variant, strength):
    """Return the option of the command line that trains a variant."""
    chosen = FORMS[variant](strength) if variant != "plain" else []
    value = [{"class_path": f"zoo.adversarial.{name}", "init_args": a} for name, a in chosen]
    return ["--trainer.callbacks", json.dumps(value)]


def train(variant, strength, seed, options, epochs=None):
    """Return the checkpoint folder of one run, which is trained, or trained on, if need be."""
    run = options.runs / f"{variant}_{strength}_{seed}_{epochs or 'all'}".replace(" ", "_")
    folder = run / "checkpoint"
    if not folder.exists():
        resume = ["--ckpt_path", "last"] if any(run.rglob("last.ckpt")) else []
        settings = ["--seed_everything", str(seed), "--trainer.default_root_dir", str(run)]
        data = ["--data.root", options.root, "--output", str(folder)]
        length = ["--trainer.max_epochs", str(epochs)] if epochs else []
        words = [*settings, *data, *resume, *length, *options.fit]
        zoo("fit", MODEL, *callbacks(variant, strength), *words)
    return folder


def test_reviews(root):
    """Return the test reviews, their labels, and which of them do not occur in training."""
    seen = {text for text, _ in read_reviews(root, "train")}
    texts, labels = zip(*read_reviews(root, "test"), strict=True)
    return texts, torch.tensor(labels), torch.tensor([text not in seen for text in texts])


def wrong_answers(model, texts, labels):
    """Return the places of the texts that a classifier does not give their labels, numbers."""
    parts = [model.predict(list(texts[i : i + BATCH])) for i in range(0, len(texts), BATCH)]
    found = [model.labels.index(p.label) for part in parts for p in part]
    return [i for i, (a, b) in enumerate(zip(found, labels, strict=True)) if a != b]


def fit_ngrams(labelled, min_df=2):
    """Fit logistic regression on character n-grams that `min_df` of the labelled texts have."""
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=min_df, sublinear_tf=True)
    model = make_pipeline(tfidf, LogisticRegression(C=10, max_iter=300))
    return model.fit(*zip(*labelled, strict=True))


def peer(root, texts, labels):
    """Return which reviews logistic regression classifies rightly, bool (reviews,)."""
    model = fit_ngrams(read_reviews(root, "train"))
    return torch.from_numpy(model.predict(texts) == labels.numpy())


def summary(right):
    """Format mean and standard error over seeds, in percent, of right answers (seeds, n)."""
    values = (100 * right.double().mean(1)).tolist()
    error = f" ± {statistics.stdev(values) / len(values) ** 0.5:.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.2f}{error}"


def paired(right, plain):
    """Format what a method adds to plain, with intervals over the n items and over seeds."""
    gain = 100 * (right.double() - plain.double())
    over_items, over_seeds = (bootstrap_interval(gain.mean(d)[:, None])[:, 0] for d in (0, 1))
    ends = [f"[{low:+.2f}, {high:+.2f}]" for low, high in (over_items, over_seeds)]
    return f"{gain.mean():+.2f} {' '.join(ends)}"


def best_valid(folder):
    """Return the best validation accuracy in the log of a run, in percent."""
    with (folder / "train_log.csv").open(encoding="utf-8") as file:
        return 100 * max(float(row["valid_accuracy"]) for row in csv.DictReader(file))


def compare(variant, strength, options):
    """Train a few epochs of seed 0; return the validation accuracy."""
    return {"valid": best_valid(train(variant, strength, 0, options, CHOOSING))}


def choose(options):
    """Print the validation accuracy of each method at each strength."""
    print("| method | strength | validation accuracy, seed 0 |\n|---|---|---|")
    for variant in options.only or FORMS:
        for strength in STRENGTHS[variant]:
            key = {"what": "choose", "method": variant, "strength": strength, "seed": 0}
            row = once(options.rows, key, partial(compare, variant, strength, options))
            print(f"| {variant} | {strength} | {row['valid']:.2f} |", flush=True)


def best_strengths(rows):
    """Return the best strength that was tried of each method, plain first."""
    tried = [row for row in read_rows(rows) if row["what"] == "choose"]
    best = {row["method"]: row["strength"] for row in sorted(tried, key=lambda r: r["valid"])}
    return {"plain": None, **{variant: best[variant] for variant in FORMS if variant in best}}


def measure(variant, strength, seed, options):
    """Train one run; return its validation accuracy and the test reviews that it gets wrong."""
    folder = train(variant, strength, seed, options)
    texts, labels, _ = test_reviews(options.root)
    wrong = wrong_answers(hub.load(str(folder)), texts, labels.tolist())
    return {"valid": best_valid(folder), "wrong": wrong}


def train_all(options):
    """Train and measure what the table has, seed by seed."""
    for seed in range(options.seeds):
        for variant, strength in best_strengths(options.rows).items():
            if not options.only or variant in options.only:
                key = {"what": "train", "method": variant, "strength": strength, "seed": seed}
                work = partial(measure, variant, strength, seed, options)
                row = once(options.rows, key, work)
                print(f"{variant}, seed {seed}: {len(row['wrong'])} wrong", flush=True)


def table(options):
    """Print the table of methods, of the runs that there are."""
    texts, labels, unseen = test_reviews(options.root)
    strengths = best_strengths(options.rows)
    right = {variant: {} for variant in strengths}  # by method and seed: bool (reviews,)
    for row in read_rows(options.rows):
        if row["what"] == "train" and row["strength"] == strengths[row["method"]]:
            answers = torch.ones(len(texts), dtype=torch.bool)
            answers[row["wrong"]] = False
            right[row["method"]][row["seed"]] = answers
    plain = right["plain"]
    print(f"all {len(texts):,} test reviews, {unseen.sum():,} unseen\n")
    print(
        "| training | strength | seeds | all | over plain [reviews] [seeds] | unseen | over plain |"
    )
    print("|---|---|---|---|---|---|---|")
    right["scikit-learn, n-grams"] = dict.fromkeys(plain, peer(options.root, texts, labels))
    for variant, found in right.items():
        seeds = sorted(found.keys() & plain.keys())
        if not seeds:
            continue
        cells = []
        for chosen in (torch.ones_like(unseen), unseen):
            mine, base = (torch.stack([of[s] for s in seeds])[:, chosen] for of in (found, plain))
            cells += [summary(mine), "" if variant == "plain" else paired(mine, base)]
        print(
            f"| {variant} | {strengths.get(variant) or ''} | {len(seeds)} | {' | '.join(cells)} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["choose", "train", "table"])
    parser.add_argument("--root", default="data/sentiment", help="folder of the review set")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=["plain", *FORMS], help="default all")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_accuracy"))
    options, options.fit = parser.parse_known_args()
    {"choose": choose, "train": train_all, "table": table}[options.what](options)


if __name__ == "__main__":
    main()
