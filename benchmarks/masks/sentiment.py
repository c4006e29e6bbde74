"""Claim: a fine-tuned small BERT classifies reviews better than n-grams with logistic regression.

Each model classifies the test reviews, and those of them that do not occur in training. Beside
its accuracy stand the paired difference from scikit-learn's logistic regression on TF-IDF weights
of character 1-, 2- and 3-grams with a 95 % interval over reviews, the calibration error, and the
probability of its choice for an empty text.

    python -m benchmarks.masks.sentiment masks_classifier_sentiment runs/seed1/checkpoint \
        --root data/sentiment
"""

import argparse

import torch
from torchmetrics.functional.classification import binary_calibration_error

import zoo
from benchmarks.adversarial.accuracy import fit_ngrams, test_reviews
from zoo.data.sentiment import LABELS, read_reviews
from zoo.metrics.bootstrap import bootstrap_interval


def probabilities(model, texts):
    """Return the probability of the second label by a model of the zoo."""
    found = zoo.load(model).predict(texts)
    return torch.tensor(
        [p.probability if p.label == LABELS[1] else 1 - p.probability for p in found],
        dtype=torch.float64,
    )


def row(name, chances, labels, baseline):
    """Format one row of the table: figures in percent."""
    right, theirs = ((x > 0.5) == labels for x in (chances, baseline))
    difference = 100 * (right.double() - theirs.double())
    low, high = bootstrap_interval(difference[:, None])[:, 0].tolist()
    error = 100 * binary_calibration_error(chances, labels.long(), n_bins=15)
    lead = f"{difference.mean():+.2f} [{low:+.2f}, {high:+.2f}]"
    return f"| {name} | {100 * right.double().mean():.2f} | {lead} | {error:.2f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("models", nargs="+", help="names or checkpoint folders")
    parser.add_argument("--root", default="data/sentiment", help="folder of the review set")
    options = parser.parse_args()
    texts, labels, new = test_reviews(options.root)
    labels = labels.bool()
    ngrams = fit_ngrams(read_reviews(options.root, "train"))
    baseline = torch.from_numpy(ngrams.predict_proba(texts)[:, 1])
    found = {"n-grams": baseline, **{m: probabilities(m, list(texts)) for m in options.models}}
    for title, chosen in (("all", torch.ones_like(new)), ("not in training", new)):
        print(f"\n{int(chosen.sum()):,} test reviews, {title}\n")
        print("| model | accuracy | over n-grams | calibration error |\n|---|---|---|---|")
        for name, chances in found.items():
            print(row(name, chances[chosen], labels[chosen], baseline[chosen]))
    for name in options.models:
        print(f"{name}, empty text: {float(probabilities(name, ['']).sub(0.5).abs() + 0.5):.2f}")


if __name__ == "__main__":
    main()
