"""The command `zoo words`: text in, a table of words out."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from jsonargparse import ArgumentParser

from zoo.words.discovery import Counting, Method, discover_words
from zoo.words.folding import Characters
from zoo.words.lexicon import COLUMNS, Lexicon
from zoo.words.reading import read


def run(arguments: list[str]) -> None:
    """Parse the arguments that follow `zoo words`, and find the words."""
    parser = ArgumentParser(
        prog="zoo words",
        description="Find the words of a language from raw text alone.",
        exit_on_error=False,
    )
    parser.add_argument(
        "corpus", nargs="*", default=["-"], help="files, folders, globs; - is stdin"
    )
    parser.add_argument("-o", "--output", type=str | None, help="table to write; default stdout")
    parser.add_function_arguments(words, skip={"corpus", "output"})
    words(**vars(parser.parse_args(arguments)))


def words(
    corpus: list[str],
    output: str | None = None,
    exclude: str | None = None,
    method: Method = "pmi+entropy",
    counting: Counting = "exact",
    min_count: int | None = None,
    max_length: int = 8,
    characters: Characters | None = None,
    half_width: bool = False,
    top: int | None = None,
    jieba: str | None = None,
    encoding: str = "utf-8",
    errors: Literal["strict", "replace"] = "strict",
    memory: str | None = None,
    threads: int = 2,
    progress: bool | None = None,
) -> Lexicon:
    """Find the words of a language from raw text alone.

    Args:
        corpus: text files (also .gz, .bz2, .xz, .zst), folders, globs, or `-` for standard input.
        output: table to write (word, count, score, pmi, entropies); standard output if not given.
        exclude: dictionary whose words are left out: first column of each line.
        method: `pmi+entropy`, or `ngram` for the method of kexue.fm/archives/6920.
        counting: `truncated` for the counts of the 2019 repository, with `ngram` only.
        min_count: least count of a word; chosen by the size of the corpus if not given.
        max_length: longest word, in characters.
        characters: `unspaced`, `letters`, `post`; chosen by the method if not given.
        half_width: fold full-width forms to half-width ones.
        top: keep only so many words.
        jieba: also write a user dictionary for jieba here.
        encoding: encoding of the files, for instance gb18030.
        errors: `replace` reads invalid bytes as breaks instead of refusing them.
        memory: memory not to pass, such as 512MB; the rest goes to a temporary folder (TMPDIR).
        threads: threads that count.
        progress: show a progress bar; by default when standard error is a terminal.
    """
    shown = sys.stderr.isatty() if progress is None else progress
    with terminable():
        lexicon = discover_words(
            [Path(path) for path in corpus],
            method=method,
            counting=counting,
            min_count=min_count,
            max_length=max_length,
            characters=characters,
            half_width=half_width,
            exclude=_first_column(exclude) if exclude else (),
            encoding=encoding,
            errors=errors,
            memory=memory,
            threads=threads,
            progress=shown,
        )
        lexicon = lexicon if top is None else lexicon.top(top)
        if jieba is not None:
            lexicon.to_jieba(jieba)
        if output is not None:
            lexicon.save(output)
        else:
            _print(lexicon)
    return lexicon


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Turns SIGTERM into SystemExit, so that temporary files go as they do on Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(*_: object) -> None:
        raise SystemExit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _first_column(path: str) -> list[str]:
    with read(Path(path)) as blocks:
        lines = "".join(blocks).splitlines()
    # of a table that we wrote, not what the segmenter alone knows: it has no scores
    return [x.split()[0] for x in lines if x.strip() and not x.endswith("\t" * 4)]


def _print(lexicon: Lexicon) -> None:
    print(*COLUMNS, sep="\t")
    columns = (lexicon.words, lexicon.count, lexicon.score, lexicon.pmi)
    for word, count, *numbers in zip(
        *columns, lexicon.left_entropy, lexicon.right_entropy, strict=True
    ):
        print(word, count, *(f"{number:.4f}" for number in numbers), sep="\t")
