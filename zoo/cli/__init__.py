"""The `zoo` command.

A new command is a function in a file here and a row in `COMMANDS`: its parser is made from its
signature, its help from its docstring.
"""

import difflib
import inspect
import re
import sys
from argparse import ArgumentError

from zoo.errors import one_line
from zoo.registry import import_object
from zoo.version import __version__

COMMANDS = {
    "list": "zoo.cli.models:list_models",
    "show": "zoo.cli.models:show",
    "predict": "zoo.cli.apply:predict",
    "sample": "zoo.cli.apply:sample",
    "export": "zoo.cli.export:export",
    "pull": "zoo.cli.hub:pull",
    "push": "zoo.cli.hub:push",
}
# those that parse their words themselves; importing them for their docstrings would take seconds
PROGRAMS = {
    "generate": ("zoo.cli.apply:run_generate", "let a model write: zoo generate MODEL [TEXT ...]"),
    "fit": ("zoo.training.run:fit", "train or fine-tune: zoo fit RECIPE [--from MODEL] [options]"),
    "validate": (
        "zoo.training.run:validate",
        "measure on the validation split: zoo validate MODEL [options]",
    ),
    "test": ("zoo.training.run:test", "measure on the test split: zoo test MODEL [options]"),
    "attack": (
        "zoo.adversarial.cli:run",
        "measure a classifier under attacks: zoo attack MODEL [--data.root FOLDER]",
    ),
    "words": (
        "zoo.words.cli:run",
        "find the words of a language from raw text: zoo words FILE ... -o words.tsv",
    ),
    "count-words": (
        "zoo.words.cli:run_count",
        "count texts, to merge and grow: zoo count-words FILE ... -o monday.counts",
    ),
    "contexts": (
        "zoo.words.cli:run_contexts",
        "show where words stand: zoo contexts FILE ... --lexicon words.tsv",
    ),
    "segment": (
        "zoo.words.cli:run_segment",
        "divide texts into words: zoo segment FILE ... --lexicon words.tsv",
    ),
    "infomap": (
        "zoo.infomap.cli:run",
        "find the communities of a network: zoo infomap NETWORK -o out.tree",
    ),
    "link": (
        "zoo.linking.cli:run_link",
        "link names in texts to a knowledge base: zoo link MODEL TEXT ... [--knowledge FOLDER]",
    ),
    "knowledge": (
        "zoo.linking.cli:run_knowledge",
        "build, change and show knowledge bases: zoo knowledge build FILE FOLDER",
    ),
}


def run(arguments: list[str]) -> None:
    """Run one command; errors are raised."""
    name, *words = arguments or ["--help"]
    if name in PROGRAMS:
        import_object(PROGRAMS[name][0])(words)
    elif name in COMMANDS:
        run_function(name, words)
    elif name in ("-h", "--help"):
        print_help()
    elif name == "--version":
        print(f"zoo {__version__}")
    else:
        near = difflib.get_close_matches(name, [*COMMANDS, *PROGRAMS], n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else "`zoo --help` names them all"
        raise ValueError(f"no command {name!r}: {hint}")


def run_function(name: str, words: list[str]) -> None:
    """Run a command of `COMMANDS`."""
    from zoo.cli.options import OptionParser

    function = import_object(COMMANDS[name])
    parser = OptionParser(prog=f"zoo {name}", description=summary(name))
    parser.add_function(function)
    values = parser.parse(words)
    parameters = inspect.signature(function).parameters.values()
    positional = [values.pop(p.name) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    function(*positional, **values)


def summary(name: str) -> str:
    """Return one line on a command."""
    if name in PROGRAMS:
        return PROGRAMS[name][1]
    return (import_object(COMMANDS[name]).__doc__ or "").partition("\n")[0]


def print_help() -> None:
    """Print the commands."""
    print("usage: zoo COMMAND ...\n\nThe techniques of Scientific Spaces as models and tools.\n")
    for name in (*COMMANDS, *PROGRAMS):
        print(f"  {name:13}{summary(name)}")
    print("\n`zoo COMMAND --help` shows its options; --debug shows the traceback of an error.")


def explain(error: BaseException) -> str:
    """Return an error's message on one line.

    Of jsonargparse's report on a class or a link that failed, only the cause is kept.
    """
    message = re.sub(r"^Call to compute_fn of link .*? failed: ", "", one_line(error))
    cause = re.search(
        r"^(.*?: )?Does not validate .*? Errors: - (.*?) - Expected a <class", message
    )
    return f"{cause[1] or ''}{cause[2]}" if cause else message


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; an error is one line and exit code 2, with `--debug` a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    words = [word for word in given if word != "--debug"]
    try:
        run(words)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        sys.stdout = None
    except (ArgumentError, ValueError, OSError, TypeError, ImportError) as error:
        if words != given:
            raise
        print(f"zoo: {explain(error)}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("zoo: interrupted", file=sys.stderr)
        sys.exit(130)
