"""Does the laboratory's verdict hold for real nets? Terms x {raw, averaged} on Fashion-MNIST.

Each term trains the nets of `gan_r1_fashion`, not told the classes, for the same number of steps;
then the distance and the coverage of its samples, raw and averaged, on the features of a classifier
of our own, and the leading eigenvalue of its game, of largest real part. The laboratory is asked
with the same terms and gammas. Prints a row a run as it ends, and the rank correlation of the
laboratory's rate and the outcome, whatever it is. What is measured stands in `verdict.jsonl`, a
line a run, and is not repeated.

python -m benchmarks.gan.verdict --root FOLDER
"""

import argparse
import copy
from functools import partial
from pathlib import Path

import torch
from lightning.pytorch import Callback, Trainer
from scipy.stats import spearmanr

import zoo
from benchmarks.rows import once
from zoo.callbacks.ema import EMA
from zoo.data.images import Pictures
from zoo.gan import dirac, spectrum
from zoo.gan.module import GanTraining
from zoo.metrics.feature_distances import all_distances, describe

TERMS = {
    "none": [],
    "clip": [{"name": "clip", "limit": 0.1}],
    "spectral-norm": ["spectral-norm"],
    "one-centred": [{"name": "one-centred", "gamma": 2.0}],
    "r1": [{"name": "r1", "gamma": 0.1}],
    "r1 + r2": [{"name": "r1", "gamma": 0.1}, {"name": "r2", "gamma": 0.1}],
    "l2": [{"name": "l2", "gamma": 1e-3}],
}


NETS = {"base": 16, "blocks": 3, "lr": 4e-4}  # of half the rate and two blocks all are at 20


class KeepRaw(Callback):
    """Keep the nets as they are before the average takes the generator's place."""

    def on_train_end(self, trainer, module):
        self.net = copy.deepcopy(module.net)


def train(data, terms, steps, seed):
    """Return the module with its raw generator, and the nets with the averaged one."""
    torch.manual_seed(seed)
    module, raw = GanTraining(data.shape, terms=terms, seed=seed, **NETS), KeepRaw()
    quiet = ("logger", "enable_progress_bar", "enable_checkpointing", "enable_model_summary")
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        callbacks=[raw, EMA("net.generator", decay=0.999, statistics="measure")],
        limit_val_batches=0,
        **dict.fromkeys(quiet, False),
    )
    trainer.fit(module, data.train_dataloader())
    averaged, module.net = module.net, raw.net
    return module, averaged


def measure(net, classifier, target, n):
    values = all_distances(target, describe(classifier, net.eval().sample(n, seed=0)))
    return {name: float(values[name]) for name in ("frechet", "coverage")}


def one_run(data, classifier, target, choice, given, seed):
    module, averaged = train(data, TERMS[choice], given.steps, seed)
    row = {}
    for name, net in (("raw", module.net), ("averaged", averaged)):
        row[name] = measure(net, classifier, target, given.samples)
    batch = next(iter(data.train_dataloader()))
    lead = spectrum(module.train(), batch, k=1, which="LR")[0]
    row["eigenvalue"] = [float(lead.real), float(lead.imag)]
    lab = dirac("non-saturating", terms=TERMS[choice])
    row["rate"] = float(lab.eigenvalues.real.max()) if len(lab.eigenvalues) else 0.0
    return row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", help="of Fashion-MNIST; default: the embedded part")
    parser.add_argument("--features", default="pictures_fashion")
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--samples", type=int, default=5000)
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    given = parser.parse_args()
    torch.set_num_threads(1)
    data = Pictures(root=given.root, drop_last=True)
    classifier = zoo.load(given.features)
    target = torch.cat([describe(classifier, x) for x, _ in data.test_dataloader()])
    rows = []
    for seed in range(given.seeds):
        for choice in TERMS:
            key = {"terms": choice, "seed": seed, "steps": given.steps, "samples": given.samples}
            work = partial(one_run, data, classifier, target, choice, given, seed)
            rows.append(once(given.rows, key, work))
            print(rows[-1], flush=True)
    report(rows)


def report(rows):
    print("\n| terms | seed | raw | averaged | coverage | leading eigenvalue | laboratory |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        real, imaginary = row["eigenvalue"]
        print(
            f"| {row['terms']} | {row['seed']} | {row['raw']['frechet']:.1f} | "
            f"{row['averaged']['frechet']:.1f} | {row['averaged']['coverage']:.2f} | "
            f"{real:.3f} {imaginary:+.3f}i | {row['rate']:.3f} |"
        )
    for name in ("raw", "averaged"):
        outcome = [row[name]["frechet"] for row in rows]
        found = spearmanr([row["rate"] for row in rows], outcome)
        print(f"rank correlation of the laboratory's rate and the {name} distance: {found[0]:.2f}")


if __name__ == "__main__":
    main()
