"""Claim: one net, four masks. What poems cost in bits under each, and what it writes under each.

    python benchmarks/masks/poems.py                       # the bundled masks_poems_lm
    python benchmarks/masks/poems.py --model FOLDER

The objectives do not predict the same: from left to right the end is predicted too, which tells the
length; from right to left the length is given with the end's position; in a random order the end
stands anywhere; after a prefix only the rest is predicted. So the bits of characters are counted
apart, and those after a prefix are compared with the causal bits of the same characters. `all` is
what a whole poem costs, by the character: its characters and its end, or, where the length is
given, the code of the length by the training split's frequencies. Intervals are 95 % bootstrap
intervals over poems, those of differences over the same poems. Characters that occur once or never
in training are one unknown token to all.
"""

import argparse
from collections import Counter
from typing import Any, NamedTuple

import torch
from torch import Tensor

import zoo
from zoo import hub
from zoo.masks.data import Poems
from zoo.masks.losses import bits, token_nats
from zoo.masks.module import predict
from zoo.masks.objectives import OBJECTIVES, TextBatch, draws_of_step
from zoo.metrics.bootstrap import bootstrap_interval
from zoo.optim.step_noise import StepNoise

DRAWS = 4  # random orders, and prefixes, of each poem


class Costs(NamedTuple):
    """Bits of each token of each poem, by position; 0 where none is predicted.

    Attributes:
        bits: float (poems, time).
        predicted: bool (poems, time).
    """

    bits: Tensor
    predicted: Tensor


def costs(net: Any, batch: TextBatch, objective: str, draw: int) -> Costs:
    """Return what an objective pays for the tokens of a batch."""
    task = OBJECTIVES[objective](batch, draws_of_step(batch, StepNoise(draw, 0, 0)))
    paid = bits(token_nats(predict(net, batch, task), task.labels))
    poem, _ = task.rows.nonzero().unbind(1)
    where = poem, task.target_ids[task.rows]  # the position that each prediction is about
    return Costs(
        torch.zeros(batch.valid.shape).index_put(where, paid),
        torch.zeros_like(batch.valid).index_put(where, torch.tensor(True)),
    )


class Table:
    """Rows of sums over poems, divided by numbers of characters."""

    def __init__(self) -> None:
        self.paid: dict[str, list[Tensor]] = {}
        self.characters: dict[str, list[Tensor]] = {}

    def add(self, row: str, paid: Tensor, characters: Tensor) -> None:
        """Add some poems: their bits and their characters, float (poems,)."""
        self.paid.setdefault(row, []).append(paid)
        self.characters.setdefault(row, []).append(characters)

    def mean(self, row: str, beside: str | None = None) -> str:
        """Return bits a character with their interval; or how many more than another row's."""
        paid, count = torch.cat(self.paid[row]), torch.cat(self.characters[row])
        if beside is not None:
            paid = paid - torch.cat(self.paid[beside])
        low, high = bootstrap_interval((paid / count)[:, None], count).flatten().tolist()
        sign = "+" if beside is not None else ""
        return f"{paid.sum() / count.sum():{sign}.3f} ({low:{sign}.3f} to {high:{sign}.3f})"


@torch.inference_mode()
def fill(net: Any, data: Poems) -> Table:
    """Measure the test split under every mask."""
    lengths = Counter(len(data.encode(poem)[0]) for poem in data.train)
    table = Table()
    for number, batch in enumerate(data.test_dataloader()):
        length = batch.valid.sum(1)
        at = torch.arange(batch.valid.shape[1])
        inside = (at > 0) & (at < length[:, None] - 1)  # the characters
        count = inside.sum(1).float()
        shares = torch.tensor([lengths[int(n)] / lengths.total() for n in length])
        code_of_length = -shares.log2()  # bits
        for objective in ("causal", "reverse"):
            paid = costs(net, batch, objective, 0).bits
            own = (paid * inside).sum(1)
            table.add(objective, own, count)
            rest = code_of_length if objective == "reverse" else (paid * ~inside).sum(1)
            table.add(f"{objective}, all", own + rest, count)
        causal = costs(net, batch, "causal", 0).bits
        orders, prefixes = [
            [costs(net, batch, objective, DRAWS * number + draw) for draw in range(DRAWS)]
            for objective in ("permutation", "prefix")
        ]
        paid = torch.stack([cost.bits for cost in orders]).mean(0)
        table.add("permutation", (paid * inside).sum(1), count)
        table.add("permutation, all", paid.sum(1), count)
        rest = torch.stack([cost.predicted & inside for cost in prefixes])
        some = rest.sum((0, 2)) > 0  # all but poems of which four prefixes leave nothing
        for row, found in (
            ("prefix", torch.stack([cost.bits for cost in prefixes])),
            ("causal, after the prefix", causal.expand_as(rest)),
        ):
            table.add(row, (found * rest).sum((0, 2))[some], rest.sum((0, 2)).float()[some])
    return table


def show(table: Table) -> None:
    """Print the table in Markdown."""
    print("| mask | bits a character | beside causal | all |\n|---|---|---|---|")
    for row in ("causal", "reverse", "permutation"):
        difference = "" if row == "causal" else table.mean(row, "causal")
        print(f"| {row} | {table.mean(row)} | {difference} | {table.mean(f'{row}, all')} |")
    print("\n| the characters after a random prefix | bits a character | beside causal |")
    print("|---|---|---|")
    print(f"| causal | {table.mean('causal, after the prefix')} | |")
    difference = table.mean("prefix", "causal, after the prefix")
    print(f"| prefix | {table.mean('prefix')} | {difference} |")


def samples(net: Any, seed: int) -> None:
    """Print a poem of each kind."""
    how = {"method": "sample", "top_p": 0.8, "generator": seed}
    (rest,) = net.generate(["明月"], **how)
    print(f"\n- causal, from 明月: 明月{rest}")
    (rest,) = net.generate(["明月照高楼，"], task="prefix", **how)
    print(f"- prefix, from 明月照高楼，: 明月照高楼，{rest}")
    (poem,) = net.generate(["思故乡。"], order="rtl", length=24, **how)
    print(f"- reverse, to 思故乡。: {poem}")
    (poem,) = net.generate(["明月"], order="random", length=24, **how)
    print(f"- a random order, around 明月: {poem}")


def main() -> None:
    """Print the table and the samples."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--model", default="masks_poems_lm", help="a name, a folder or a repository"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the samples; default 0")
    options = parser.parse_args()
    net: Any = zoo.load(options.model)
    preprocess = hub.resolve(options.model) / "preprocess.json"
    length = net.preprocess.max_length
    data = Poems(max_length=length, batch_size=50, preprocess=str(preprocess))
    show(fill(net, data))
    samples(net, options.seed)


if __name__ == "__main__":
    main()
