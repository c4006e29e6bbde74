"""Tang and Song regulated poems: the embedded ten thousand, or the whole package."""

from __future__ import annotations

import gzip
import re
import zlib
from abc import abstractmethod
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, cast, get_args

from zoo.data.splits import SPLITS, Split, SplitData

Dynasty = Literal["Tang", "Song"]
DYNASTIES: tuple[Dynasty, ...] = get_args(Dynasty)

_COLUMNS = ("split", "dynasty", "author", "title", "text")
_LINE = re.compile("[^，。？！；]+[，。？！；]?")
_HOW_TO_MAKE = (
    "leave path out (--data.path null) for the embedded sample, or make the full set: "
    "npm install chinese-poetry@2.0.1 && pip install opencc==1.4.2 && "
    "python -m zoo.data.samples.make_poems --package node_modules/chinese-poetry --full {}"
)


@dataclass(frozen=True)
class Poem:
    """One poem in simplified characters.

    Attributes:
        split: the part it belongs to; no poet is in two parts.
        dynasty: the collection it comes from, the label of the classification task.
        author: the poet.
        title: the title, as the collection has it.
        lines: the lines, each with its closing mark: ``("床前明月光，", "疑是地上霜。")``; lines
            ``2k`` and ``2k + 1`` make a couplet.
    """

    split: Split
    dynasty: Dynasty
    author: str
    title: str
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """The lines in one string."""
        return "".join(self.lines)


class PoemCorpus(SplitData):
    """What the `Poems` of the techniques have in common, each with its own kind of batch.

    Published checkpoints name these classes, so that three have one name:
    `zoo.adversarial.data.Poems`, `zoo.decoding.data.Poems` and `zoo.masks.data.Poems`.

    Args:
        path: a file made by `zoo/data/samples/make_poems.py`; default: the embedded 10,000 poems.
        options: those of the technique's other data.
    """

    def __init__(self, path: str | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        if self.file:
            return super().title
        return f"{super().title}, {Path(self.path).name if self.path else 'embedded sample'}"

    @abstractmethod
    def example(self, poem: Poem) -> Any:
        """Return a poem as an example."""

    def read(self, split: Split) -> list[Any]:
        """See `SplitData.read`."""
        return [self.example(poem) for poem in load_poems(self.path, split)]


def load_poems(path: str | Path | None = None, split: Split | None = None) -> list[Poem]:
    """Read poems, in the file's order.

    Args:
        path: a gzip file of ``split TAB dynasty TAB author TAB title TAB text`` rows, UTF-8;
            default the embedded sample (4,000 + 500 + 500 of each dynasty).
        split: keep this part only; default all.

    Returns:
        The poems.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is no gzip, not UTF-8, empty or has a bad row; ``split`` is unknown.

    Example:
        >>> len(load_poems(split="test"))
        1000
    """
    if split is not None and split not in SPLITS:
        raise ValueError(f"split is {split!r}: expected one of {', '.join(SPLITS)}")
    poems = [_parse(row, where) for where, row in _rows(path)]
    return [poem for poem in poems if split in (None, poem.split)]


def _rows(path: str | Path | None) -> list[tuple[str, str]]:
    """The rows of a file, each with its place for error messages."""
    file = files("zoo.data") / "samples" / "poems.tsv.gz" if path is None else Path(path)
    if not file.is_file():
        raise FileNotFoundError(f"{file}: no such file; {_HOW_TO_MAKE.format(file.name)}")
    try:
        text = gzip.decompress(file.read_bytes()).decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: not UTF-8 at byte {error.start} of the unpacked text; convert it to UTF-8"
        ) from error
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(
            f"{file}: not a whole gzip file ({error}); expected .tsv.gz, compress or fetch it again"
        ) from error
    if not text:
        raise ValueError(f"{file}: empty; expected rows of {' TAB '.join(_COLUMNS)}")
    rows = text.removesuffix("\n").split("\n")
    return [(f"{file}, line {number}", row) for number, row in enumerate(rows, 1)]


def _parse(row: str, where: str) -> Poem:
    """One row as a poem."""
    columns = row.rstrip("\r").split("\t")
    if len(columns) != len(_COLUMNS):
        raise ValueError(
            f"{where}: {len(columns)} columns; expected {len(_COLUMNS)}: {' TAB '.join(_COLUMNS)}"
        )
    split, dynasty, author, title, text = columns
    if split not in SPLITS:
        raise ValueError(f"{where}: split {split!r}; expected one of {', '.join(SPLITS)}")
    if dynasty not in DYNASTIES:
        raise ValueError(f"{where}: dynasty {dynasty!r}; expected one of {', '.join(DYNASTIES)}")
    lines = tuple(_LINE.findall(text))
    if not lines:
        raise ValueError(f"{where}: the poem has no text; remove the row")
    return Poem(cast(Split, split), cast(Dynasty, dynasty), author, title, lines)
