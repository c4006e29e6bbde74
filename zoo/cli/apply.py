"""Models applied to what the command line or standard input gives."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from zoo import hub
from zoo.files import replacing

BATCH = 64  # texts at a time


def predict(model: str, texts: list[str]) -> None:
    """Apply a model to texts or files of pictures; a line each: label, probability, input.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts, or the files; if none, the lines of standard input.
    """
    net: Any = hub.load(model)
    if not hasattr(net, "predict"):
        raise ValueError(f"{model} makes no predictions: `zoo list` says what it does")
    for batch in batches(texts):
        for text, found in zip(batch, net.predict(batch), strict=True):
            print(f"{found.label}\t{found.probability:.4f}\t{text}")


def generate(
    model: str,
    texts: list[str],
    *,
    method: str | None = None,
    beam: int | None = None,
    max_new_tokens: int | None = None,
    temperature: float | None = None,
    top_k: int | None = None,
    top_p: float | None = None,
    seed: int | None = None,
) -> None:
    """Let a model write: a line of output for each text.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts; if none, the lines of standard input.
        method: greedy, sample, beam, diverse_beam or contrastive; default: greedy, or beam if
            --beam is above 1, or sample if an option of sampling is given.
        beam: hypotheses of a beam search.
        max_new_tokens: most tokens of a result.
        temperature: of sampling.
        top_k: sampling keeps the k likeliest tokens.
        top_p: sampling keeps the likeliest tokens of this probability.
        seed: of sampling.
    """
    net: Any = hub.load(model)
    if not hasattr(net, "generate"):
        raise ValueError(f"{model} writes no texts: `zoo list` says what it does")
    if method is None:
        draws = any(option is not None for option in (temperature, top_k, top_p, seed))
        method = "beam" if beam not in (None, 1) else "sample" if draws else "greedy"
    given = {
        "method": method,
        "beam": beam,
        "max_new_tokens": max_new_tokens,
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "generator": seed,
    }
    options = {name: value for name, value in given.items() if value is not None}
    for batch in batches(texts):
        for written in net.generate(batch, **options):
            print(written)


def sample(
    model: str,
    *,
    n: int = 64,
    output: str = "samples.png",
    seed: int | None = 0,
    temperature: float = 1.0,
    columns: int | None = None,
) -> None:
    """Let a model make pictures: a grid of them in a PNG file.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        n: how many.
        output: the file.
        seed: of the pictures; null for new ones each time.
        temperature: below 1 for likelier pictures.
        columns: of the grid; default about the square root of n.
    """
    from zoo.callbacks.sample_grid import draw_grid

    if n < 1:
        raise ValueError(f"n is {n}: expected at least 1 picture")
    path = Path(output).expanduser()
    if not path.resolve().parent.is_dir():
        raise FileNotFoundError(f"no folder for {output}: make it, or give another -o")
    net: Any = hub.load(model)
    if not hasattr(net, "sample"):
        raise ValueError(f"{model} makes no pictures: `zoo list` says what it does")
    made = net.sample(n, seed=seed, temperature=temperature)
    with replacing(path) as partial:
        partial.write_bytes(draw_grid(made, columns))
    print(output)


def batches(texts: list[str]) -> Iterator[list[str]]:
    """Give texts, or if there are none the lines of standard input, some at a time."""
    texts = texts or [line.rstrip("\n") for line in sys.stdin]
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]
