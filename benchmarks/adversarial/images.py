"""Claims: our PGD is that of torchattacks, as fast; and what adversarial training does to pictures.

    python -m benchmarks.adversarial.images peer --root data/fashion
    python -m benchmarks.adversarial.images table --root data/fashion --seeds 2

`peer` attacks one model by both in turn, PGD of 20 steps: robust accuracy and time.

`table` trains the recipe `adversarial_pgd_fashion` on the first 10,000 training pictures, of which
two tenths are held out: standard, FGSM, PGD-7, PGD-7 with AWP, without the recipe's moving average.
Each epoch's weights are attacked on the held-out pictures; those of the best and of the last
epoch on test pictures, by PGD of 20 steps and by AutoAttack (standard). What is measured stands in
`images.jsonl`, a line a run, and is not repeated; a run that was stopped goes on. Options at the
end go to `zoo fit`; those that change what is found want a file of their own (`--rows`).

Needs torchattacks: `pip install --no-deps torchattacks==3.5.1 requests`.
"""

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import torch

from benchmarks.rows import once
from zoo import hub
from zoo.adversarial import robustness
from zoo.pictures.data import LabelledPictures
from zoo.pictures.module import PictureTraining

MODEL, RADIUS, STEPS = "adversarial_pgd_fashion", 0.1, 20
SHIFT = {"inputs": "net", "bounds": [0.0, 1.0], "norm": "linf", "epsilon": RADIUS}
PGD7 = ("PGD", {**SHIFT, "steps": 7, "alpha": 0.035, "random_start": True})
VARIANTS = {
    "standard": [],
    "FGSM": [("FGM", SHIFT)],
    "PGD-7": [PGD7],
    "PGD-7 with AWP": [("WeightPerturbation", {"gamma": 0.005}), PGD7],
}


def pictures(root, split, count):
    """Return the first pictures of a split, float (n, 1, 28, 28), and their labels (n,)."""
    data = LabelledPictures(root=root and str(root), batch_size=count)
    return next(iter(data.val_dataloader() if split == "valid" else data.test_dataloader()))


def first_pictures(root, count, folder):
    """Write the first training pictures as a set of their own; return its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, header, size in (("images-idx3", 16, 784), ("labels-idx1", 8, 1)):
        source = next(Path(root).rglob(f"train-{name}-ubyte*"))
        content = source.read_bytes()
        content = gzip.decompress(content) if source.suffix == ".gz" else content
        content = content[:4] + count.to_bytes(4, "big") + content[8 : header + count * size]
        (folder / f"train-{name}-ubyte").write_bytes(content)
    return folder


def ours(net, x, labels):
    """Return the accuracy under our PGD."""
    pairs = list(zip(x, labels.tolist(), strict=True))
    found = robustness(net, pairs, ["pgd"], strengths=[RADIUS], steps=STEPS, batch_size=100)
    return found.accuracy["pgd"][RADIUS]


def theirs(net, x, labels):
    """Return the accuracy under the PGD of torchattacks, with our length of a step."""
    import torchattacks

    attack = torchattacks.PGD(net, RADIUS, 2.5 * RADIUS / STEPS, STEPS, random_start=False)
    right = 0
    for batch, truth in zip(x.split(100), labels.split(100), strict=True):
        moved = attack(batch, truth)
        with torch.no_grad():
            right += int((net(moved).argmax(-1) == truth).sum())
    return right / len(labels)


def peer(options):
    """Print both accuracies and the ratio of the times, in the order A B B A."""
    torch.set_num_threads(1)
    net = hub.load(options.model)
    x, labels = pictures(options.root, "test", options.examples)
    seconds, found = {ours: [], theirs: []}, {}
    for attack in (ours, theirs, theirs, ours) * options.rounds:
        start = time.perf_counter()
        found[attack] = attack(net, x, labels)
        seconds[attack].append(time.perf_counter() - start)
    print(f"{torch.backends.cpu.get_cpu_capability()}, torch {torch.__version__}, one thread")
    print(f"{options.model}, {len(labels)} pictures, PGD-{STEPS} at {RADIUS}, linf")
    ratios = [a / b for a, b in zip(seconds[ours], seconds[theirs], strict=True)]
    print(f"robust accuracy: {100 * found[ours]:.2f}, torchattacks {100 * found[theirs]:.2f}")
    print(f"time over torchattacks': {statistics.median(ratios):.2f}")


def train(run, variant, seed, options):
    """Train for some epochs and keep the weights of each."""
    folder = run / "checkpoint"
    if folder.exists():
        return
    chosen = [{"class_path": f"zoo.adversarial.{n}", "init_args": a} for n, a in VARIANTS[variant]]
    words = ["--trainer.callbacks", json.dumps(chosen), "--seed_everything", str(seed)]
    words += ["--trainer.default_root_dir", str(run), "--output", str(folder)]
    words += ["--trainer.max_epochs", str(options.epochs)]
    words += ["--checkpoint.every_n_train_steps", "null", "--checkpoint.every_n_epochs", "1"]
    words += ["--checkpoint.save_top_k", "-1", "--checkpoint.filename", "{epoch:03}"]
    words += ["--data.root", str(options.part), "--data.known", "null", "--data.labels", "null"]
    resume = ["--ckpt_path", "last"] if any(run.rglob("last.ckpt")) else []
    command = [sys.executable, "-m", "zoo", "fit", MODEL, *words, *resume, *options.fit]
    subprocess.run(command, check=True)


def weights(run):
    """Return the files of all epochs, in order."""
    found = {path.name: path for path in sorted(run.glob("**/checkpoints/epoch=*.ckpt"))}
    return [found[name] for name in sorted(found)]


def open_net(path):
    """Return the network of an epoch."""
    return PictureTraining.load_from_checkpoint(path, weights_only=True).net.eval()


def measure(key, options):
    """Train one run; return the robust accuracy of each epoch, and what the table has."""
    run = options.runs / "_".join(map(str, key.values())).replace(" ", "_")
    train(run, key["training"], key["seed"], options)
    files = weights(run)
    valid = pictures(options.part, "valid", options.examples)
    robust = [ours(open_net(path), *valid) for path in files]
    best = max(range(len(robust)), key=robust.__getitem__)
    x, labels = pictures(options.root, "test", options.examples)
    found = {"valid": robust, "best epoch": best + 1}
    for name, place in (("best", best), ("last", len(robust) - 1)):
        net = open_net(files[place])
        with torch.no_grad():
            clean = (net(x).argmax(-1) == labels).double().mean().item()
        found[name] = {"clean": clean, "PGD-20": ours(net, x, labels)}
        if options.auto:
            found[name]["AutoAttack"] = auto(net, x[: options.auto], labels[: options.auto])
    return found


def auto(net, x, labels):
    """Return the accuracy under AutoAttack, standard version (arXiv 2003.01690)."""
    import torchattacks

    attack = torchattacks.AutoAttack(net, "Linf", RADIUS, "standard", n_classes=10, seed=0)
    right = 0
    for batch, truth in zip(x.split(200), labels.split(200), strict=True):
        with torch.no_grad():
            right += int((net(attack(batch, truth)).argmax(-1) == truth).sum())
    return right / len(labels)


def table(options):
    """Print the table of methods."""
    attacks = ["clean", "PGD-20", *(["AutoAttack"] if options.auto else [])]
    part, rows = options.runs / f"first_{options.pictures}", {}
    options.part = first_pictures(options.root, options.pictures, part)
    for seed in range(options.seeds):
        for variant in VARIANTS:
            settings = ("pictures", "epochs", "examples", "auto")
            key = {name: getattr(options, name) for name in settings}
            key |= {"training": variant, "seed": seed}
            row = once(options.rows, key, partial(measure, key, options))
            rows.setdefault(variant, []).append(row)
            print(f"{variant}, seed {seed}: {rows[variant][-1]['last']}", flush=True)
    print(f"\n{options.pictures} training pictures, {options.epochs} epochs, {options.seeds} seeds")
    print(f"{options.examples} test pictures, AutoAttack on {options.auto}; accuracy in percent\n")
    columns = [f"{a}, {when}" for when in ("best", "last") for a in attacks]
    print(f"| training | {' | '.join(columns)} | PGD-20, best less last |")
    print(f"|{'---|' * (len(columns) + 2)}")
    for variant, found in rows.items():
        cells = [mean([r[w][a] for r in found]) for w in ("best", "last") for a in attacks]
        fall = mean([r["best"]["PGD-20"] - r["last"]["PGD-20"] for r in found])
        print(f"| {variant} | {' | '.join(cells)} | {fall} |")


def mean(values):
    """Format a mean over seeds, and their spread, in percent."""
    spread = f" ({100 * min(values):.1f} to {100 * max(values):.1f})" if len(values) > 1 else ""
    return f"{100 * statistics.mean(values):.2f}{spread}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=["peer", "table"])
    parser.add_argument("--root", default="data/fashion", help="folder of Fashion-MNIST")
    parser.add_argument("--model", default="pictures_fashion", help="for `peer`")
    parser.add_argument("--rounds", type=int, default=3, help="for `peer`")
    parser.add_argument("--examples", type=int, default=1000, help="pictures that are attacked")
    parser.add_argument("--auto", type=int, default=1000, help="by AutoAttack; 0 for none")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--pictures", type=int, default=10000, help="training pictures")
    parser.add_argument("--rows", type=Path, default=Path(__file__).with_suffix(".jsonl"))
    parser.add_argument("--runs", type=Path, default=Path("runs/adversarial_images"))
    options, options.fit = parser.parse_known_args()
    {"peer": peer, "table": table}[options.what](options)


if __name__ == "__main__":
    main()
