"""The commands `zoo words`, `count-words`, `segment` and `contexts`."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from zoo.cli.options import OptionParser
from zoo.files import replacing, require_place
from zoo.words.counting.memory import Storage
from zoo.words.discovery import count_ngrams, discover_words
from zoo.words.lexicon import Lexicon, Order
from zoo.words.listing import Listing
from zoo.words.segmentation.contexts import WIDTH, find_uses
from zoo.words.texts.paths import find_paths
from zoo.words.texts.reading import lines, read
from zoo.words.texts.word_lists import read_counts, read_known, read_words

CORPUS = "files (also .gz, .bz2, .xz, .zst), folders, globs; - is standard input"
INSIDE = ("storage", "default_characters")  # of `count_ngrams`: no options of a command


def run(arguments: list[str]) -> None:
    """Find the words that the arguments after `zoo words` ask for."""
    parser = _parser("words", "Find the words of a language from raw text alone.")
    parser.add_options(words)
    parser.add_options(discover_words, skip=("progress",))
    shared = ("characters", "counting", "memory", "threads", "progress")
    parser.add_options(count_ngrams, skip=(*shared, *INSIDE))
    parser.add_options(Listing, skip=("exclude", "known"))
    words(**parser.parse(arguments))


def words(
    corpus: list[str],
    *,
    output: str | None = None,
    sort: Order = "score",
    against: str | None = None,
    top: int | None = None,
    exclude: str | None = None,
    known: str | None = None,
    jieba: str | None = None,
    hanlp: str | None = None,
    ltp: str | None = None,
    sentencepiece: str | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Lexicon:
    """Find the words of texts, and write them.

    Args:
        corpus: texts as `run` takes them, or files of counts that `zoo count-words` wrote.
        output: table to write, for `zoo segment` and `contexts`; default prints the list alone.
        sort: what comes first: score, count, or what is peculiar to this text.
        against: counts of other text for --sort salience: a table of `zoo words`, or lines of a
            word and its count.
        top: list only so many words.
        exclude: dictionary of words to leave out, the first column of each line.
        known: dictionary of words known in advance: not listed, used by the segmenter; a second
            column says how often they occur.
        jieba: write a user dictionary for jieba, too.
        hanlp: the same for HanLP.
        ltp: the same for LTP.
        sentencepiece: the same as words and counts that sentencepiece trains on.
        progress: show progress; default on a terminal.
        options: those of `zoo.discover_words`.
    """
    if top is not None and top < 0:
        raise ValueError(f"top is {top}: expected 0 or more")
    if (sort == "salience") != (against is not None):
        raise ValueError("--sort salience and --against FILE go together: give both or neither")
    others = None if against is None else read_counts(against)
    dictionaries = {"jieba": jieba, "hanlp": hanlp, "ltp": ltp, "sentencepiece": sentencepiece}
    for path in (output, *dictionaries.values()):
        if path is not None:
            require_place(path)
    with terminable():
        lexicon = discover_words(
            _sources(corpus),
            exclude=read_words(exclude) if exclude else (),
            known=read_known(known) if known else (),
            progress=_shows(progress),
            **options,
        )
        lexicon = lexicon.sorted(sort, others)
        lexicon = lexicon if top is None else lexicon.top(top)
        for program, path in dictionaries.items():
            if path is not None:
                lexicon.to_dictionary(path, program)
        if output is not None:
            lexicon.save(output)
        else:
            _print(lexicon)
    return lexicon


def run_count(arguments: list[str]) -> None:
    """Count the texts that the arguments after `zoo count-words` name."""
    parser = _parser("count-words", "Count the n-grams of texts: what `zoo words` takes for them.")
    parser.add_argument("-o", "--output", type=str, required=True, help="file of counts to write")
    parser.add_options(count_words, skip=("output",))
    parser.add_options(count_ngrams, skip=("progress", *INSIDE))
    count_words(**parser.parse(arguments))


def count_words(
    corpus: list[str], *, output: str, progress: bool | None = None, **options: Any
) -> None:
    """Count texts and write the counts, merged with those of files of counts among the texts.

    Args:
        corpus: texts as `run` takes them, or files of counts.
        output: file of counts to write; it may be one of those that are read.
        progress: show progress; default on a terminal.
        options: those of `zoo.words.count_ngrams`.
    """
    require_place(output)
    with terminable(), Storage() as storage:
        shown = _shows(progress)
        count_ngrams(_sources(corpus), progress=shown, storage=storage, **options).save(output)


def run_segment(arguments: list[str]) -> None:
    """Divide the texts that the arguments after `zoo segment` name into words."""
    _run_with_lexicon(segment, "Divide texts into words.", arguments)


def segment(
    corpus: list[str],
    *,
    lexicon: str,
    output: str | None = None,
    separator: str = " ",
    known: str | None = None,
    encoding: str = "utf-8",
) -> None:
    """Write the words of texts, line by line; blanks are left out.

    Args:
        corpus: texts as `run` takes them.
        lexicon: table that `zoo words` wrote.
        output: file to write; default standard output.
        separator: what comes between two words.
        known: dictionary of words to know besides, as `zoo words` takes it.
        encoding: encoding of the texts.
    """
    if output is not None:
        require_place(output)
    segmenter = _lexicon(lexicon, known).segmenter
    with terminable(), _opened(output) as file:
        for path in find_paths(_sources(corpus)) or ():
            with read(path or "-", encoding=encoding) as blocks:
                for line in lines(blocks):
                    words = [word for word in segmenter(line) if not word.isspace()]
                    print(*words, sep=separator, file=file)


def run_contexts(arguments: list[str]) -> None:
    """Show where words stand in the texts that the arguments after `zoo contexts` name."""
    about = "Count the lines in which words stand, and show examples."
    _run_with_lexicon(contexts, about, arguments)


def contexts(
    corpus: list[str],
    *,
    lexicon: str,
    output: str | None = None,
    top: int | None = None,
    examples: int = 3,
    width: int = WIDTH,
    encoding: str = "utf-8",
    skip_bad: bool = False,
    dedup: bool = False,
) -> None:
    """Write a table of words: count, documents (lines) that have it, examples.

    Args:
        corpus: texts as `run` takes them.
        lexicon: table that `zoo words` wrote.
        output: table to write; default standard output.
        top: the first words of the lexicon only.
        examples: columns of examples of each word.
        width: characters around an example, on each side.
        encoding: encoding of the texts.
        skip_bad: leave out files that are damaged or cannot be decoded; a warning names them.
        dedup: count lines that occur several times once.
    """
    if output is not None:
        require_place(output)
    found = _lexicon(lexicon)
    found = found if top is None else found.top(top)
    reading = {"encoding": encoding, "skip_bad": skip_bad, "dedup": dedup}
    with terminable():
        uses = find_uses(found, _sources(corpus), examples=examples, width=width, **reading)
        with _opened(output) as file:
            heads = (f"example_{i + 1}" for i in range(examples))
            print("word", "count", "documents", *heads, sep="\t", file=file)
            for word, use in uses.items():
                shown = (example.replace("\t", " ") for example in use.examples)
                print(word, use.count, use.documents, *shown, sep="\t", file=file)


def _run_with_lexicon(command: Callable[..., None], description: str, arguments: list[str]) -> None:
    """Run a command that takes texts and a lexicon, by its own name."""
    parser = _parser(command.__name__, description)
    parser.add_argument("--lexicon", type=str, required=True, help="table that `zoo words` wrote")
    parser.add_options(command, skip=("lexicon",))
    command(**parser.parse(arguments))


def _parser(name: str, description: str) -> OptionParser:
    """Return the parser of a command that takes texts."""
    parser = OptionParser(prog=f"zoo {name}", description=description)
    parser.add_argument("corpus", nargs="*", default=["-"], help=CORPUS)
    return parser


def _sources(corpus: list[str]) -> list[Path]:
    return [Path(name) for name in corpus]


def _shows(progress: bool | None) -> bool:
    return sys.stderr.isatty() if progress is None else progress


def _lexicon(path: str, known: str | None = None) -> Lexicon:
    """Read a lexicon and teach it the words of a dictionary."""
    lexicon = Lexicon.load(path)
    return lexicon if known is None else lexicon.knowing(read_known(known))


@contextlib.contextmanager
def _opened(output: str | None) -> Iterator[TextIO]:
    """Give a file that appears whole or not at all, or standard output."""
    if output is None:
        yield _standard_output()
        return
    with replacing(output) as partial, partial.open("w", encoding="utf-8") as file:
        yield file


def _standard_output() -> TextIO:
    """Return standard output in UTF-8, whatever the locale says, as files have it."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")
    return sys.stdout


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that temporary files go as on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    wanted = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
    before = [(number, signal.signal(number, leave)) for number in wanted]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def _print(lexicon: Lexicon) -> None:
    """Print the list; its header is not that of a lexicon, which knows more words than these."""
    file = _standard_output()
    print("word", "count", "score", "pmi", "left", "right", sep="\t", file=file)
    columns = (lexicon.words, lexicon.count, lexicon.score, lexicon.pmi)
    for word, count, *numbers in zip(
        *columns, lexicon.left_entropy, lexicon.right_entropy, strict=True
    ):
        print(word, count, *(f"{number:.4f}" for number in numbers), sep="\t", file=file)
