"""Claim: with few labels, unlabelled texts and consistency help a fine-tuned small BERT.

    python -m benchmarks.adversarial.few_labels reviews --root data/sentiment --labels 200
    python -m benchmarks.adversarial.few_labels reviews --root data/sentiment --labels 1000
    python -m benchmarks.adversarial.few_labels tnews --root data/tnews

`masks_small_zh` with a new head, fine-tuned on so many of the distinct training texts, drawn anew
for each seed; the others are the unlabelled ones. Measured on the test texts that do not occur in
training, beside logistic regression on character n-grams with the same labels. `tnews` is the
few-shot form of FewCLUE, fifteen topics, with its own unlabelled titles.

Each method's strengths are compared on the validation texts with seed 0 (`--strengths` says how
many); the best one is trained with the other seeds. What is measured stands in `few_labels.jsonl`,
a line a run, and is not repeated; a run that was stopped goes on from its last 25 steps.
"""

import argparse
import json
import random
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint

from benchmarks.adversarial.accuracy import fit_ngrams, paired, summary, wrong_answers
from benchmarks.rows import once
from zoo import hub
from zoo.adversarial import FGM, GradientPenalty, RDrop, VirtualAdversarial
from zoo.data.resumable import ResumableLoader
from zoo.data.sentiment import read_reviews
from zoo.masks.classification.data import IGNORED
from zoo.masks.classification.module import ClassificationModel
from zoo.masks.classifiers import encoder_arguments, text_classifier

BACKBONE = "masks_small_zh"
TOKENS = {"embeddings": "*token_embedding"}
SEQUENCE = {**TOKENS, "space": "sequence", "logits": "net.head"}
METHODS = {  # the callbacks at a strength, and the strengths to compare, the likeliest first
    "plain": (lambda _: [], (0,)),
    "FGM": (lambda x: [FGM(x, **TOKENS)], (0.5, 0.1, 2.0)),
    "gradient penalty": (lambda x: [GradientPenalty(x, **TOKENS)], (1.0, 0.1, 10.0)),
    "R-Drop": (lambda x: [RDrop(x, logits="net.head")], (1.0, 0.3, 4.0)),
    "VAT": (lambda x: [VirtualAdversarial(x, xi=x, **SEQUENCE)], (1.0, 0.3, 3.0)),
    "VAT, unlabelled": (lambda x: [VirtualAdversarial(x, xi=x, **SEQUENCE)], (1.0, 0.3, 3.0)),
}
OF_TASK = {
    "reviews": ["plain", "FGM", "R-Drop", "VAT", "VAT, unlabelled"],
    "tnews": ["plain", "FGM", "gradient penalty", "VAT", "VAT, unlabelled"],
}


def reviews(options):
    """Return training, validation and test texts with labels, and unlabelled texts: none."""
    train = list(dict(read_reviews(options.root, "train")).items())
    seen = {text for text, _ in train}
    valid, test = (
        [(text, label) for text, label in read_reviews(options.root, split) if text not in seen]
        for split in ("valid", "test")
    )
    return train, valid, test, []


def tnews(options):
    """As `reviews`, of FewCLUE; the topics are numbered in the order of their codes."""

    def rows(name):
        lines = (Path(options.root) / name).read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]

    parts = [rows(f"{name}.json") for name in ("train_few_all", "dev_few_all", "test_public")]
    codes = sorted({int(row["label"]) for part in parts for row in part})
    labelled = [[(r["sentence"], codes.index(int(r["label"]))) for r in part] for part in parts]
    train, *rest = (list(dict(part).items()) for part in labelled)
    seen = {text for text, _ in train}
    rest = [[(text, label) for text, label in part if text not in seen] for part in rest]
    held = {text for part in rest for text, _ in part}
    unlabelled = [row["sentence"] for row in rows("unlabeled.json")]
    return train, *rest, [text for text in unlabelled if text not in held]


SETTINGS = ("task", "labels", "steps", "batch", "ratio", "length", "precision", "backbone")
TASKS = {"reviews": reviews, "tnews": tnews}


def drawn(train, spare, count, seed):
    """Return so many labelled texts, and the unlabelled rest."""
    order = random.Random(seed).sample(train, len(train))
    count = min(count or len(train), len(train))
    return order[:count], [text for text, _ in order[count:]] + spare


class Mixed:
    """Each labelled text so many times, each time with some unlabelled ones."""

    def __init__(self, labelled, unlabelled, times, ratio):
        self.labelled, self.unlabelled = labelled, unlabelled
        self.times, self.ratio = times, ratio if unlabelled else 0

    def __len__(self):
        return self.times * len(self.labelled)

    def __getitem__(self, place):
        first = place * self.ratio
        free = [self.unlabelled[(first + i) % len(self.unlabelled)] for i in range(self.ratio)]
        return [self.labelled[place % len(self.labelled)], *((text, IGNORED) for text in free)]


def build(classes, options):
    """Return the module and its tokenizer."""
    backbone = hub.load(options.backbone, trainable=True)
    backbone.preprocess.max_length = options.length
    rates = {"lr": 1e-3, "encoder_lr": 1e-4, "layer_decay": 0.9, "smoothing": 0.1}
    module = ClassificationModel(classes=classes, **rates, **encoder_arguments(backbone))
    module.net = text_classifier(backbone, classes)
    module.net.labels = [str(i) for i in range(classes)]
    return module


def train(key, task, options):
    """Train one run; return the validation accuracy and the test texts that it gets wrong."""
    method, seed = key["method"], key["seed"]
    run = options.runs / "_".join(str(value) for value in key.values()).replace(" ", "_")
    texts, valid, test, spare = task
    labelled, unlabelled = drawn(texts, spare, options.labels, seed)
    seed_everything(seed, verbose=False)
    module = build(1 + max(label for part in task[:3] for _, label in part), options)

    def collate(items):
        words, labels = zip(*(pair for item in items for pair in item), strict=True)
        tokens = module.net.preprocess(list(words))
        return tokens, torch.zeros_like(tokens), torch.tensor(labels)

    ratio = options.ratio if method.endswith("unlabelled") else 0
    times = -(-options.steps * options.batch // len(labelled))
    mixed = Mixed(labelled, unlabelled, times, ratio)
    loader = ResumableLoader(mixed, options.batch, shuffle=True, seed=seed, collate=collate)
    saved = ModelCheckpoint(run, save_last=True, save_top_k=0, every_n_train_steps=25)
    trainer = Trainer(
        max_steps=options.steps,
        accelerator="cpu",
        devices=1,
        precision=options.precision,
        gradient_clip_val=1.0,
        callbacks=[*METHODS[method][0](key["strength"]), saved],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    last = run / "last.ckpt"
    trainer.fit(module, loader, ckpt_path=last if last.exists() else None)
    module.net.eval()
    missed, wrong = (wrong_answers(module.net, *zip(*of, strict=True)) for of in (valid, test))
    last.unlink(missing_ok=True)
    return {"valid": 1 - len(missed) / len(valid), "wrong": wrong}


def ngrams(task, seed, options):
    """Return which test texts logistic regression gets right."""
    texts, _, test, spare = task
    labelled, _ = drawn(texts, spare, options.labels, seed)
    model = fit_ngrams(labelled, min_df=1)
    words, labels = zip(*test, strict=True)
    return [a == b for a, b in zip(model.predict(words).tolist(), labels, strict=True)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--root", required=True, help="folder of the data")
    parser.add_argument("--labels", type=int, help="labelled texts; default all of training")
    parser.add_argument("--only", nargs="*", choices=METHODS, help="these methods beside plain")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--strengths", type=int, default=1, help="of a method to compare, 1 to 3")
    parser.add_argument("--steps", type=int, default=250)
    parser.add_argument("--batch", type=int, default=16, help="labelled texts a step")
    parser.add_argument("--ratio", type=int, default=3, help="unlabelled texts for a labelled one")
    parser.add_argument("--length", type=int, default=128, help="most tokens of a text")
    parser.add_argument("--precision", default="32-true")
    parser.add_argument("--backbone", default=BACKBONE)
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_few_labels"))
    options = parser.parse_args()
    methods = ["plain", *options.only] if options.only else OF_TASK[options.task]
    task = TASKS[options.task](options)
    found = {method: [] for method in methods}
    for seed in range(options.seeds):
        for method in methods:
            tried = METHODS[method][1][: options.strengths]
            if seed:
                tried = [found[method][0]["strength"]]
            results = []
            for strength in tried:
                key = {name: getattr(options, name) for name in SETTINGS}
                key |= {"method": method, "strength": strength, "seed": seed}
                results.append(once(options.rows, key, partial(train, key, task, options)))
            found[method].append(max(results, key=lambda result: result["valid"]))
            print(f"{method}, seed {seed}: {len(found[method][-1]['wrong'])} wrong", flush=True)
    places = range(len(task[2]))
    tests = {
        method: torch.tensor([[i not in row["wrong"] for i in places] for row in rows])
        for method, rows in found.items()
    }
    tests["n-grams"] = torch.tensor([ngrams(task, s, options) for s in range(options.seeds)])
    print(
        f"\n{options.task}, {options.labels or len(task[0])} labels, {options.steps} steps, ",
        end="",
    )
    print(f"{options.seeds} seeds, {len(task[2]):,} test texts that are not in training\n")
    print("| training | strength | accuracy | over plain [texts] [seeds] |\n|---|---|---|---|")
    for method, answers in tests.items():
        strength = found[method][0]["strength"] if method in found else ""
        gain = "" if method == "plain" else paired(answers, tests["plain"])
        print(f"| {method} | {strength or ''} | {summary(answers)} | {gain} |")


if __name__ == "__main__":
    main()
