"""The `zoo` command."""

import importlib
import re
import sys
from argparse import ArgumentError
from collections.abc import Callable
from typing import Any

TRAINING = {
    "fit": "train or fine-tune: zoo fit RECIPE [--from MODEL] [options]",
    "validate": "measure on the validation split: zoo validate MODEL [options]",
    "test": "measure on the test split: zoo test MODEL [options]",
}
UTILITIES = {
    "words": "find the words of a language from raw text: zoo words FILE ... -o words.tsv",
    "infomap": "find the communities of a network: zoo infomap NETWORK -o out.tree",
    "link": "link names in texts to a knowledge base: zoo link MODEL TEXT ... [--knowledge FOLDER]",
    "knowledge": "build, change and show knowledge bases: zoo knowledge build FILE FOLDER",
}
# where a utility is run, if not by `zoo.NAME.cli:run`
ADDRESSES = {"link": "zoo.linking.cli:run_link", "knowledge": "zoo.linking.cli:run_knowledge"}


def list_models(technique: str | None = None) -> None:
    """List the models.

    Args:
        technique: only this technique's, such as adversarial.
    """
    from zoo import registry

    for name in registry.list_models(technique):
        print(f"{name:32}{registry.describe(name).summary}")


def show(name: str) -> None:
    """Show what the zoo knows of a model: paper, post, recipe, figures.

    Args:
        name: a model of `zoo list`.
    """
    from zoo import registry
    from zoo.checkpoint import card

    entry = registry.describe(name)
    print(f"{entry.name}: {entry.summary}")
    print(f"paper    {entry.paper}\npost     {entry.post or 'none'}")
    print(f"recipe   {entry.recipe_path}")
    print(f"weights  {entry.checkpoint if entry.checkpoint.is_dir() else 'not bundled'}")
    if entry.checkpoint.is_dir():
        for row in card.read_metrics(entry.checkpoint):
            print(f"{row['metric']:16}{row['value']:.4f}  {row['data']}, {row['split']} split")


def predict(model: str, texts: list[str]) -> None:
    """Apply a model to texts or files of pictures; a line each: label, probability, input.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts, or the files; if none, the lines of standard input.
    """
    import zoo

    net: Any = zoo.load(model)
    if not hasattr(net, "predict"):
        raise ValueError(f"{model} makes no predictions: `zoo list` says what it does")
    texts = texts or [line.rstrip("\n") for line in sys.stdin]
    for start in range(0, len(texts), 64):
        batch = texts[start : start + 64]
        for text, found in zip(batch, net.predict(batch), strict=True):
            print(f"{found.label}\t{found.probability:.4f}\t{text}")


def generate(model: str, texts: list[str], method: str | None = None, **options: Any) -> None:
    """Let a model write: a line of output for each text.

    Args:
        model: a name of `zoo list`, a checkpoint folder or org/repo on the Hub.
        texts: the texts; if none, the lines of standard input.
        method: greedy, sample, beam, diverse_beam or contrastive; default: the first of them that
            has all the options that are given.
        **options: those of `zoo.decoding.generate`; None counts as not given.
    """
    import zoo
    from zoo.decoding.engine.options import method_with

    net: Any = zoo.load(model)
    if not hasattr(net, "generate"):
        raise ValueError(f"{model} writes no texts: `zoo list` says what it does")
    given = {name: value for name, value in options.items() if value is not None}
    given["method"] = method or method_with(given)
    texts = texts or [line.rstrip("\n") for line in sys.stdin]
    for start in range(0, len(texts), 64):
        for written in net.generate(texts[start : start + 64], **given):
            print(written)


def sample(
    model: str,
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
    from pathlib import Path

    import zoo
    from zoo.callbacks.sample_grid import draw_grid

    if n < 1:
        raise ValueError(f"n is {n}: expected at least 1 picture")
    if not Path(output).expanduser().resolve().parent.is_dir():
        raise FileNotFoundError(f"no folder for {output}: make it, or give another -o")
    net: Any = zoo.load(model)
    if not hasattr(net, "sample"):
        raise ValueError(f"{model} makes no pictures: `zoo list` says what it does")
    made = net.sample(n, seed=seed, temperature=temperature)
    Path(output).expanduser().write_bytes(draw_grid(made, columns))
    print(output)


def add_generation_options(parser: Any) -> None:
    """Add each option of `zoo.decoding.generate` that a word can give."""
    from zoo.decoding.engine.options import options

    for option in options():
        flags = [f"--{option.flag}", f"--{option.flag.replace('_', '-')}"]
        parser.add_argument(
            *dict.fromkeys(flags),
            dest=option.name,
            type=option.type | None,
            default=None,
            help=option.help,
        )


def pull(repository: str, revision: str | None = None, to: str | None = None) -> None:
    """Download a checkpoint from the Hub, verify it and print its folder.

    Args:
        repository: org/repo.
        revision: a tag, a branch or a commit.
        to: a folder to copy it to; default: the Hub's cache.
    """
    from zoo import hub

    print(hub.pull(repository, revision=revision, to=to))


def push(folder: str, repository: str, tag: str | None = None, private: bool = False) -> None:
    """Publish a checkpoint folder on the Hub, in one commit.

    Args:
        folder: a checkpoint folder.
        repository: org/repo; made if it is not there.
        tag: a tag for the commit.
        private: make a new repository private.
    """
    from zoo import hub

    print(hub.push(folder, repository, tag=tag, private=private))


COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_models,
    "show": show,
    "predict": predict,
    "generate": generate,
    "sample": sample,
    "pull": pull,
    "push": push,
}


def run(arguments: list[str]) -> None:
    """Run one command; errors are raised."""
    if arguments and arguments[0] in TRAINING:
        from zoo.training import run as training

        training.run(arguments)
        return
    if arguments and arguments[0] in UTILITIES:
        module, _, function = ADDRESSES.get(arguments[0], f"zoo.{arguments[0]}.cli:run").partition(
            ":"
        )
        getattr(importlib.import_module(module), function)(arguments[1:])
        return
    from jsonargparse import ArgumentParser

    from zoo.version import __version__

    parser = ArgumentParser(
        prog="zoo", version=__version__, exit_on_error=False, description=__doc__
    )
    commands = parser.add_subcommands(dest="command")
    for name, summary in {**TRAINING, **UTILITIES}.items():
        commands.add_subcommand(name, ArgumentParser(), help=summary)
    for name, function in COMMANDS.items():
        command = ArgumentParser(exit_on_error=False)
        own: set[str | int] = {"texts", "private", *(("n", "output") if function is sample else ())}
        command.add_function_arguments(function, as_positional=True, skip=own)
        if function is sample:
            command.add_argument("-n", "--n", type=int, default=64, help="how many")
            command.add_argument("-o", "--output", type=str, default="samples.png", help="the file")
        if function is generate:
            add_generation_options(command)
        if function is push:
            command.add_argument(
                "--private", action="store_true", help="make a new repository private"
            )
        if function in (predict, generate):
            command.add_argument(
                "texts", nargs="*", default=[], help="default: the lines of standard input"
            )
        summary = (function.__doc__ or "").partition("\n")[0]
        commands.add_subcommand(name, command, help=summary)
    options = parser.parse_args(arguments or ["--help"])
    COMMANDS[options.command](**options[options.command])


def one_line(error: BaseException) -> str:
    """Return an error's message on one line.

    Of jsonargparse's report on a class or a link that failed, only the cause is kept.
    """
    message = " ".join(str(error).split())
    message = re.sub(r"^Call to compute_fn of link .*? failed: ", "", message)
    cause = re.search(r"^(.*?): Does not validate .*? Errors: - (.*?) - Expected a <class", message)
    return f"{cause[1]}: {cause[2]}" if cause else message


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error is one line and exit code 2, with `--debug` a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    words = [word for word in given if word != "--debug"]
    try:
        run(words)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        sys.stdout = None
    except (ArgumentError, ValueError, OSError, TypeError) as error:
        if words != given:
            raise
        print(f"zoo: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("zoo: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
