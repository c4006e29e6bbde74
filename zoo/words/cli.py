"""Find the words of a language from raw text alone."""

from __future__ import annotations

import contextlib
import io
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from zoo.cli.options import OptionParser
from zoo.files import replacing, require_place
from zoo.words.discovery import discover_words
from zoo.words.lexicon import COLUMNS, Lexicon, Order
from zoo.words.reading import find_paths, read, read_counts, read_words


def run(arguments: list[str]) -> None:
    """Find the words that the arguments after `zoo words` ask for."""
    parser = OptionParser(prog="zoo words", description=__doc__)
    parser.add_argument(
        "corpus", nargs="*", default=["-"], help="files, folders, globs; - is standard input"
    )
    parser.add_argument("-o", "--output", type=str | None, help="table to write; default stdout")
    parser.add_argument("--sort", type=Order, default="score", help="what comes first")
    parser.add_argument(
        "--against",
        type=str | None,
        help="counts of other text for --sort salience: a table of `zoo words`, or `word count`",
    )
    parser.add_argument("--top", type=int | None, help="list only so many words")
    parser.add_argument("--jieba", type=str | None, help="write a user dictionary for jieba, too")
    parser.add_argument(
        "--exclude", type=str | None, help="dictionary of words to leave out, one first on a line"
    )
    parser.add_argument(
        "--progress",
        type=bool | None,
        help="show progress; default on a terminal",
    )
    parser.add_options(discover_words, skip=("exclude", "progress"))
    words(**parser.parse(arguments))


def words(
    corpus: list[str],
    output: str | None = None,
    top: int | None = None,
    jieba: str | None = None,
    exclude: str | None = None,
    sort: Order = "score",
    against: str | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Lexicon:
    """Find the words of texts, and write them.

    Args:
        corpus: text files (also .gz, .bz2, .xz, .zst), folders, globs, or `-` for standard input.
        output: table to write; standard output if not given.
        top: list only so many words.
        jieba: also write a user dictionary for jieba here.
        exclude: dictionary whose words are left out: first column of each line.
        sort: what comes first, see `Lexicon.sorted`.
        against: words and counts of other text, for `sort="salience"`.
        progress: show progress; by default when standard error is a terminal.
        options: those of `zoo.discover_words`.
    """
    if top is not None and top < 0:
        raise ValueError(f"top is {top}: expected 0 or more")
    if (sort == "salience") != (against is not None):
        raise ValueError("--sort salience and --against FILE go together: give both or neither")
    known = None if against is None else read_counts(against)
    for path in (output, jieba):
        if path is not None:
            require_place(path)
    with terminable():
        lexicon = discover_words(
            [Path(path) for path in corpus],
            exclude=read_words(exclude) if exclude else (),
            progress=sys.stderr.isatty() if progress is None else progress,
            **options,
        )
        lexicon = lexicon.sorted(sort, known)
        lexicon = lexicon if top is None else lexicon.top(top)
        if jieba is not None:
            lexicon.to_jieba(jieba)
        if output is not None:
            lexicon.save(output)
        else:
            _print(lexicon)
    return lexicon


def run_segment(arguments: list[str]) -> None:
    """Divide the texts that the arguments after `zoo segment` name into words."""
    parser = OptionParser(prog="zoo segment", description="Divide texts into words.")
    parser.add_argument("corpus", nargs="*", default=["-"], help="as `zoo words` takes it")
    parser.add_argument("--lexicon", type=str, required=True, help="table that `zoo words` wrote")
    parser.add_options(segment, skip=("lexicon",))
    segment(**parser.parse(arguments))


def segment(
    corpus: list[str],
    *,
    lexicon: str,
    output: str | None = None,
    separator: str = " ",
    encoding: str = "utf-8",
) -> None:
    """Write the words of texts, line by line; blanks are left out.

    Args:
        corpus: text files (also .gz, .bz2, .xz, .zst), folders, globs, or `-` for standard input.
        lexicon: table that `zoo words` wrote.
        output: file to write; standard output if not given.
        separator: what comes between two words.
        encoding: encoding of the texts.
    """
    if output is not None:
        require_place(output)
    segmenter = Lexicon.load(lexicon).segmenter
    with terminable(), _opened(output) as file:
        for path in find_paths([Path(name) for name in corpus]) or ():
            with read(path or "-", encoding=encoding) as blocks:
                for line in _lines(blocks):
                    words = [word for word in segmenter(line) if not word.isspace()]
                    print(*words, sep=separator, file=file)


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


def _lines(blocks: Iterator[str]) -> Iterator[str]:
    """Yield the lines of one file as `read` gives it: with a line break after its end."""
    parts: list[str] = []
    held: list[str] = []
    for block in blocks:
        first, *others = block.split("\n")
        parts.append(first)
        if others:
            held += ["".join(parts), *others[:-1]]
            yield from held[:-1]
            held, parts = held[-1:], others[-1:]
    yield from filter(None, held)  # empty where the file itself ended with a line break


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
    file = _standard_output()
    print(*COLUMNS, sep="\t", file=file)
    columns = (lexicon.words, lexicon.count, lexicon.score, lexicon.pmi)
    for word, count, *numbers in zip(
        *columns, lexicon.left_entropy, lexicon.right_entropy, strict=True
    ):
        print(word, count, *(f"{number:.4f}" for number in numbers), sep="\t", file=file)
