"""Models applied to what the command line or standard input gives."""

import sys
from collections.abc import Iterator
from typing import Any

from zoo import hub
from zoo.errors import one_line, printable
from zoo.files import expand_home, replacing, require_place

BATCH = 64  # texts at a time


def predict(model: str, texts: list[str], *, device: str = "cpu") -> None:
    """Apply a model to texts or files of pictures; a line each: label, probability, input.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts, or the files; if none, the lines of standard input.
        device: where it runs, such as cuda.
    """
    net = load_on(device, model)
    if not hasattr(net, "predict"):
        raise ValueError(f"{model} makes no predictions: `zoo list` says what it does")
    for batch in batches(texts):
        for text, found in zip(batch, net.predict(batch), strict=True):
            print(f"{found.label}\t{found.probability:.4f}\t{text}")


def run_generate(words: list[str]) -> None:
    """Let a model write what the words after `zoo generate` ask for."""
    from zoo.cli.options import OptionParser
    from zoo.decoding.engine.options import options

    parser = OptionParser(
        prog="zoo generate",
        description="Let a model write. The defaults named here are those of "
        "zoo.decoding.generate; a model may have its own, and without an option that needs "
        "another method the search is greedy.",
    )
    parser.add_function(generate)
    for option in options():
        flag = f"--{option.flag.replace('_', '-')}"
        parser.add_argument(
            flag, dest=option.name, type=option.type | None, default=None, help=option.help
        )
    generate(**parser.parse(words))


def generate(
    model: str,
    texts: list[str],
    *,
    method: str | None = None,
    device: str = "cpu",
    stop: list[str] | None = None,
    stream: bool = False,
    **options: Any,
) -> None:
    """Let a model write: a line of output for each text.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts; if none, the lines of standard input.
        method: greedy, sample, beam, diverse_beam or contrastive; default: the first of them that
            has all the options that are given.
        device: where it runs, such as cuda.
        stop: a string that ends a text; may be repeated.
        stream: print each text as it comes.
        **options: those of `zoo.decoding.generate`; None counts as not given.
    """
    from zoo.decoding.engine.options import method_with
    from zoo.decoding.engine.sampling import seeded

    net = load_on(device, model)
    if not hasattr(net, "generate"):
        raise ValueError(f"{model} writes no texts: `zoo list` says what it does")
    given = {name: value for name, value in options.items() if value is not None}
    given["method"] = method or method_with(given)
    given |= {"stop": stop} if stop else {}
    if "generator" in given:  # one for all texts, or each batch would draw the same numbers
        given["generator"] = seeded(given["generator"], device)
    for batch in batches(texts):
        if stream:
            for text in batch:
                for piece in net.stream(text, **given):
                    print(printable(piece), end="", flush=True)
                print()
            continue
        for written in net.generate(batch, **given):
            print(printable(written))


def sample(
    model: str,
    *,
    n: int = 64,
    output: str = "samples.png",
    seed: int | None = 0,
    temperature: float = 1.0,
    labels: str | None = None,
    columns: int | None = None,
) -> None:
    """Let a model make pictures: a grid of them in a PNG file.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        n: how many.
        output: the file.
        seed: of the pictures; null for new ones each time.
        temperature: below 1 for likelier pictures.
        labels: classes to draw, in turn, such as Bag,Sneaker; default all that the model knows.
        columns: of the grid; default about the square root of n.
    """
    from zoo.callbacks.sample_grid import draw_grid, require_columns

    if n < 1:
        raise ValueError(f"n is {n}: expected at least 1 picture")
    require_columns(columns)
    path = expand_home(output)
    require_place(path)
    net: Any = hub.load(model)
    if not hasattr(net, "sample"):
        raise ValueError(f"{model} makes no pictures: `zoo list` says what it does")
    chosen = {}
    if labels is not None:
        if not getattr(net, "count", 0):
            raise ValueError(f"{model} knows no classes: leave --labels out")
        names = labels.split(",")
        chosen["labels"] = [names[i % len(names)] for i in range(n)]
    made = net.sample(n, seed=seed, temperature=temperature, **chosen)
    with replacing(path) as partial:
        partial.write_bytes(draw_grid(made, columns))
    print(output)


def load_on(device: str, model: str) -> Any:
    """Load a model to a device.

    Raises:
        ValueError: if the device is not there.
    """
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # the latter where torch has no CUDA
        raise ValueError(
            f"device is {device!r}: {one_line(error).split('. ')[0]}; leave it out, or name one "
            "that this machine has, such as cpu, cuda or mps"
        ) from error
    return hub.load(model).to(device)


def batches(texts: list[str]) -> Iterator[list[str]]:
    """Give texts, or if there are none the lines of standard input, some at a time."""
    texts = texts or [line.rstrip("\n") for line in sys.stdin]
    for start in range(0, len(texts), BATCH):
        yield texts[start : start + BATCH]
