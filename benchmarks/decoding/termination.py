"""Claim: which heads and decoders stop, at what perplexity, over seeds: the papers' tables.

Trains small recurrent language models with each end-of-sequence head, on poems and on abstracts,
continues test prompts with each decoder, and prints for each group of models a Markdown table of
test perplexity and r_L with standard errors over seeds, and a picture of the curves r_L over L.
What is complete is not repeated, a training that was interrupted is resumed.

    python benchmarks/decoding/termination.py --abstracts data/title_csl
    python benchmarks/decoding/termination.py --groups poems_lstm --seeds 1

The group `titles_transformer` trains nothing: it is the bundled masked Transformer, which writes
titles, within the positions that it has.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

import zoo
from zoo.decoding.data import Abstracts, Poems
from zoo.decoding.laboratory import METHODS, Termination, non_termination_ratio
from zoo.decoding.plot import plot_curves
from zoo.masks.data import Titles
from zoo.masks.decodable import DecodableTransformer

MODEL = "decoding_lstm_poems"
PROMPTS = 100
LIMIT = 1000
TRANSFORMER = "titles_transformer"
TITLE_PROMPT = 130  # tokens of an abstract, as in the recipe
SHORT = {"softmax": "softmax", "self_terminating": "ST", "non_monotonic": "NMST"}
PAPER = [("softmax", 1e-4), ("self_terminating", 1e-4), ("non_monotonic", 1e-4)]
LR = {"lstm": 1.2e-2, "rnn": 5e-3}
WIDE = [(head, eps) for eps in (1e-3, 1e-5) for head in ("self_terminating", "non_monotonic")]
# name of a group: data, cell, heads
GROUPS = {
    "poems_lstm": ("poems", "lstm", PAPER),
    "abstracts_lstm": ("abstracts", "lstm", PAPER),
    "abstracts_rnn": ("abstracts", "rnn", PAPER),
    "abstracts_lstm_eps": ("abstracts", "lstm", WIDE),
}


def label(head, eps):
    return SHORT[head] if head == "softmax" else f"{SHORT[head]} {eps:.0e}".replace("e-0", "e-")


def train(run, data, cell, head, eps, seed):
    """Return the checkpoint folder of one run."""
    folder = run / "checkpoint"
    if not folder.exists():
        options = ["--seed_everything", str(seed), "--trainer.default_root_dir", str(run)]
        model = ["--model.cell", cell, "--model.lr", str(LR[cell])]
        model += ["--model.eos_head", head, "--model.eps", str(eps)]
        resume = ["--ckpt_path", "last"] if any(run.rglob("last.ckpt")) else []
        command = ["fit", MODEL, *data, *options, *model, "--output", str(folder), *resume]
        quiet = [
            "--trainer.enable_progress_bar",
            "false",
            "--trainer.enable_model_summary",
            "false",
        ]
        subprocess.run([sys.executable, "-m", "zoo", *command, *quiet], check=True)
    return folder


def prompts_of(data, tokenizer):
    passages = data.read("test")[:: max(1, len(data.read("test")) // PROMPTS)][:PROMPTS]
    return [tokenizer.prompt(passage.source) for passage in passages]


def measure(folder, data):
    """Return perplexity and the ending of each decoder's continuations, each computed once."""
    cache = folder.parent / "endings.json"
    found = json.loads(cache.read_text()) if cache.exists() else {}
    missing = {name: options for name, options in METHODS.items() if name not in found}
    if missing:
        model = zoo.load(str(folder))
        prompts = prompts_of(data, model.preprocess)
        endings = non_termination_ratio(model, prompts, limit=LIMIT, methods=missing)
        for name, ending in endings.items():
            found[name] = {
                "lengths": ending.lengths.tolist(),
                "finished": ending.finished.tolist(),
                "loops": ending.loops,
                "distinct": ending.distinct(2),
            }
        cache.write_text(json.dumps(found))
    rows = json.loads((folder / "metrics.json").read_text())["results"]
    (perplexity,) = [row["value"] for row in rows if row["metric"] == "test_perplexity"]
    return perplexity, found


def summary(values, digits):
    """Format mean and standard error."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else float("nan")
    return f"{statistics.mean(values):.{digits}f} ± {error:.{digits}f}"


def pooled(runs):
    """Return the endings of all seeds together, for the picture."""
    return {
        method: Termination(
            LIMIT,
            [[0] * length for run in runs for length in run[method]["lengths"]],
            np.array([done for run in runs for done in run[method]["finished"]]),
        )
        for method in METHODS
    }


def table(columns):
    """Print a table: a column for each head, a row for each decoder; r_L in percent."""
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    perplexities = [summary([p for p, _ in runs], 1) for runs in columns.values()]
    print(f"| perplexity | {' | '.join(perplexities)} |")
    for method in METHODS:
        cells = [
            summary([100 * (1 - np.mean(run[method]["finished"])) for _, run in runs], 1)
            for runs in columns.values()
        ]
        print(f"| {method} | {' | '.join(cells)} |")
    for method in ("ancestral", "greedy"):
        cells = [
            summary([np.mean(run[method]["lengths"]) for _, run in runs], 1)
            for runs in columns.values()
        ]
        print(f"| {method}, mean length | {' | '.join(cells)} |")
    for name, key in (("ending in a loop", "loops"), ("distinct bigrams", "distinct")):
        cells = [
            summary([100 * run["greedy"][key] for _, run in runs], 1) for runs in columns.values()
        ]
        print(f"| greedy, {name}, % | {' | '.join(cells)} |")
    print(flush=True)


def transformer(folder):
    """Print how the titles of the masked Transformer end, under each decoder."""
    model = zoo.load("masks_title_csl")
    abstracts = Titles(folder).read("test")[:: 1000 // PROMPTS]
    prompts = [model.preprocess.encode(pair.source, TITLE_PROMPT) for pair in abstracts]
    limit = model.encoder.positions - TITLE_PROMPT
    end = model.preprocess.end
    found = non_termination_ratio(DecodableTransformer(model), prompts, limit=limit, eos_id=end)
    print(f"\n{TRANSFORMER}: {len(prompts)} prompts, r_{limit} in percent\n")
    print("| decoder | r | 95 % interval | mean length |\n|---|---|---|---|")
    for method, ending in found.items():
        low, high = (100 * bound for bound in ending.interval)
        ratio, length = 100 * ending.ratio, np.mean(ending.lengths)
        print(f"| {method} | {ratio:.1f} | {low:.1f} to {high:.1f} | {length:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--abstracts", default="data/title_csl", help="folder of the CSL set")
    names = [*GROUPS, TRANSFORMER]
    parser.add_argument("--groups", nargs="*", default=names, choices=names)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--runs", type=Path, default=Path("runs/decoding_termination"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    sources = {
        "poems": (Poems(), []),
        "abstracts": (
            Abstracts(options.abstracts),
            ["--data", "zoo.decoding.data.Abstracts", "--data.root", options.abstracts],
        ),
    }
    if TRANSFORMER in options.groups:
        transformer(options.abstracts)
    for group in [name for name in options.groups if name in GROUPS]:
        source, cell, heads = GROUPS[group]
        data, words = sources[source]
        columns = {label(head, eps): [] for head, eps in heads}
        for seed in range(options.seeds):
            for head, eps in heads:
                run = options.runs / group / f"{label(head, eps).replace(' ', '_')}_{seed}"
                folder = train(run, words, cell, head, eps, seed)
                columns[label(head, eps)].append(measure(folder, data))
        length = statistics.mean(len(passage.target) + 1 for passage in data.read("test"))
        print(f"\n{group}: {options.seeds} seeds, {PROMPTS} prompts each, r_{LIMIT} in percent;")
        print(f"the texts themselves go on for {length:.1f} tokens\n")
        table(columns)
        picture = options.runs / f"{group}.png"
        curves = {name: pooled([run for _, run in runs]) for name, runs in columns.items()}
        plot_curves(curves, picture)
        print(f"curves: {picture}")


if __name__ == "__main__":
    main()
