"""CSL: abstracts of Chinese papers and their titles, one pair a line, `title TAB abstract`."""

from pathlib import Path
from typing import NamedTuple

from zoo.data.text import read_text


class Paper(NamedTuple):
    """A paper, as far as CSL has it.

    Attributes:
        title: its title.
        abstract: its abstract.
    """

    title: str
    abstract: str


def read_papers(path: Path) -> list[Paper]:
    """Read a file of the set, such as `train.tsv`, in the order of its lines.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or not UTF-8, or a line has no title or no abstract.
    """
    papers = []
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        title, _, abstract = line.rstrip("\r").partition("\t")
        if not title or not abstract:
            raise ValueError(f"{path}, line {number}: expected a title, a TAB and an abstract")
        papers.append(Paper(title, abstract))
    return papers
