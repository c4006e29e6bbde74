"""Claim: what each method adds to the accuracy of the review classifier, with intervals.

Trains the recipe `adversarial_fgm_sentiment` plain and under each method, measures each run on the
test split and on the test reviews that do not occur in training, and prints a Markdown table,
beside scikit-learn's logistic regression on TF-IDF weights of character 1-, 2- and 3-grams. What
a method adds to plain training stands beside it, paired by seed and review, with a 95 % interval
over reviews and one over seeds.

`choose` compares strengths by the best validation accuracy of seed 0, and writes the best of each
method to `chosen.json`; `table` trains plain and every method that stands there. Both can be
interrupted and started again: a run that is complete is not repeated, another is resumed. Options
at the end go to `zoo fit`.

    python benchmarks/adversarial/accuracy.py choose --root data/sentiment --trainer.max_epochs 2
    python benchmarks/adversarial/accuracy.py table --root data/sentiment --seeds 5
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
from pathlib import Path

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

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
    "FGM": (0.1, 0.3, 1.0),
    "PGD-3": (0.1, 0.3, 1.0),
    "FreeLB-3": (0.1, 0.3, 1.0),
    "gradient penalty": (0.1, 1.0, 10.0),
    "VAT": (0.1, 0.3, 1.0),
    "R-Drop": (0.5, 1.0, 4.0),
    "AWP": (0.003, 0.01, 0.03),
    "R-Drop + FGM": (0.1, 0.3, 1.0),
}
BATCH = 64  # texts that are classified at a time


def zoo(*arguments):
    subprocess.run([sys.executable, "-m", "zoo", *arguments], check=True)


def callbacks(variant, strength):
    """Return the option of the command line that trains a variant."""
    chosen = FORMS[variant](strength) if variant != "plain" else []
    value = [{"class_path": f"zoo.adversarial.{name}", "init_args": a} for name, a in chosen]
    return ["--trainer.callbacks", json.dumps(value)]


def train(run, variant, strength, seed, options):
    """Return the checkpoint folder of one run."""
    folder = run / "checkpoint"
    if not folder.exists():
        resume = ["--ckpt_path", "last"] if any(run.rglob("last.ckpt")) else []
        settings = ["--seed_everything", str(seed), "--trainer.default_root_dir", str(run)]
        data = ["--data.root", options.root, "--output", str(folder)]
        zoo("fit", MODEL, *callbacks(variant, strength), *settings, *data, *resume, *options.fit)
    return folder


def test_reviews(root):
    """Return the test reviews, their labels, and which of them do not occur in training."""
    seen = {text for text, _ in read_reviews(root, "train")}
    texts, labels = zip(*read_reviews(root, "test"), strict=True)
    return texts, torch.tensor(labels), torch.tensor([text not in seen for text in texts])


def right_answers(folder, texts, labels):
    """Return which reviews a checkpoint classifies rightly, bool (reviews,), measured once."""
    kept = folder.parent / "right.json"
    if not kept.exists():
        model = hub.load(str(folder))
        parts = [model.predict(list(texts[i : i + BATCH])) for i in range(0, len(texts), BATCH)]
        found = [p.label for part in parts for p in part]
        right = [model.labels[label] == f for label, f in zip(labels, found, strict=True)]
        kept.write_text(json.dumps(right))
    return torch.tensor(json.loads(kept.read_text()))


def fit_ngrams(labelled, min_df=2):
    """Fit logistic regression on character n-grams that `min_df` of the labelled texts have."""
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=min_df, sublinear_tf=True)
    model = make_pipeline(tfidf, LogisticRegression(C=10, max_iter=300))
    return model.fit(*zip(*labelled, strict=True))


def peer(root, texts, labels):
    """Return which reviews logistic regression classifies rightly, bool (1, reviews)."""
    model = fit_ngrams(read_reviews(root, "train"))
    return torch.from_numpy(model.predict(texts) == labels.numpy())[None]


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


def choose(options):
    """Print the validation accuracy of each method at each strength, and keep the best."""
    kept = options.runs / "chosen.json"
    chosen = json.loads(kept.read_text()) if kept.exists() else {}
    print("| method | strength | validation accuracy, seed 0 |\n|---|---|---|")
    for variant in options.only or FORMS:
        found = {}
        for strength in STRENGTHS[variant]:
            run = options.runs / f"choose_{variant}_{strength}".replace(" ", "_")
            found[strength] = best_valid(train(run, variant, strength, 0, options))
            print(f"| {variant} | {strength} | {found[strength]:.2f} |", flush=True)
        chosen[variant] = max(found, key=found.get)
        kept.write_text(json.dumps(chosen, indent=1))


def table(options):
    """Print the table of methods."""
    kept = options.runs / "chosen.json"
    chosen = json.loads(kept.read_text()) if kept.exists() else {}
    variants = {"plain": None, **{v: chosen[v] for v in options.only or FORMS if v in chosen}}
    texts, labels, unseen = test_reviews(options.root)
    found = {variant: [] for variant in variants}
    for seed in range(options.seeds):
        for variant, strength in variants.items():
            run = options.runs / f"{variant}_{seed}".replace(" ", "_")
            folder = train(run, variant, strength, seed, options)
            found[variant].append(right_answers(folder, texts, labels))
            print(f"{variant}, seed {seed}: {summary(found[variant][-1][None])}", flush=True)
    found = {variant: torch.stack(right) for variant, right in found.items()}
    print(f"\n{options.seeds} seeds; all {len(texts):,} test reviews, {unseen.sum():,} unseen\n")
    print("| training | strength | all | over plain [reviews] [seeds] | unseen | over plain |")
    print("|---|---|---|---|---|---|")
    found["scikit-learn, n-grams"] = peer(options.root, texts, labels)
    for variant, right in found.items():
        cells = []
        for chosen_ones in (torch.ones_like(unseen), unseen):
            mine, plain = right[:, chosen_ones], found["plain"][:, chosen_ones]
            cells += [summary(mine), "" if variant == "plain" else paired(mine, plain)]
        print(f"| {variant} | {variants.get(variant) or ''} | {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["choose", "table"])
    parser.add_argument("--root", default="data/sentiment", help="folder of the review set")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=FORMS, help="these methods; default all")
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_accuracy"))
    options, options.fit = parser.parse_known_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    {"choose": choose, "table": table}[options.what](options)


if __name__ == "__main__":
    main()
