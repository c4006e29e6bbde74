"""Claim: what simple models make of the poems, Tang or Song, beside the Transformer's figures.

The majority dynasty of each form (number and length of lines), and scikit-learn's logistic
regression on TF-IDF weights of character 1- and 2-grams, its C chosen on the validation split;
accuracy on the embedded test split. `--full` also trains on as many Song as Tang poems of the file
that zoo/data/samples/make_poems.py writes.

    python benchmarks/adversarial/poems_baseline.py --full poems_full.tsv.gz
"""

import argparse
import random
from collections import Counter, defaultdict

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from zoo.data.poems import DYNASTIES, load_poems


def form(poem):
    return len(poem.lines), len(poem.lines[0])


def majority_of_form(train, test):
    count = defaultdict(Counter)
    for poem in train:
        count[form(poem)][poem.dynasty] += 1
    right = [count[form(p)].most_common(1)[0][0] == p.dynasty for p in test]
    return sum(right) / len(right)


def ngrams(train, valid, test):
    """Return C and the test accuracy of the model that is best on the validation split."""
    tfidf = TfidfVectorizer(analyzer="char", ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    splits = [(poems, [p.dynasty for p in poems]) for poems in (train, valid, test)]
    tfidf.fit(p.text for p in train)
    (x, y), held_out, tested = [(tfidf.transform(p.text for p in s), d) for s, d in splits]
    models = {c: LogisticRegression(C=c, max_iter=500).fit(x, y) for c in (1, 3, 10)}
    best = max(models, key=lambda c: models[c].score(*held_out))
    return best, models[best].score(*tested)


def balanced(poems, seed=0):
    """Keep as many poems of each dynasty as the smaller one has."""
    groups = [[p for p in poems if p.dynasty == dynasty] for dynasty in DYNASTIES]
    least = min(map(len, groups))
    rng = random.Random(seed)
    return [poem for group in groups for poem in rng.sample(group, least)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--full", help="file of all poems; default the embedded sample only")
    full = parser.parse_args().full
    train, valid, test = (load_poems(split=split) for split in ("train", "valid", "test"))
    print(f"majority of each form, {len(train)} poems: {majority_of_form(train, test):.3f}")
    sets = {"sample": train} | ({"full": balanced(load_poems(full, "train"))} if full else {})
    for name, poems in sets.items():
        best, score = ngrams(poems, valid, test)
        print(f"n-grams, {name}, {len(poems)} poems, C = {best}: {score:.3f}", flush=True)


if __name__ == "__main__":
    main()
