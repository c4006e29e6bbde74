"""WikiText-2 and -103: paragraphs of English encyclopaedia articles as words."""

from pathlib import Path

from zoo.data.splits import Split
from zoo.data.text import read_text


def read_paragraphs(root: str | Path, split: Split) -> list[list[str]]:
    """Read the words of each paragraph; headings, ` = Title = `, and empty lines are left out.

    Args:
        root: the folder of `wiki.train.tokens`, `wiki.valid.tokens` and `wiki.test.tokens`, the
            word-level release of Merity et al., arXiv 1609.07843.
        split: which of them.

    Returns:
        The words as the files have them, rare ones as `<unk>`.

    Raises:
        FileNotFoundError: if the file is not there; the message says where it is from.
        ValueError: if it is empty or not UTF-8.
    """
    path = Path(root) / f"wiki.{split}.tokens"
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}: unpack wikitext-2-v1.zip, the word-level release of Merity et al. "
            "(arXiv 1609.07843), and give the folder of its files with --data.root"
        )
    lines = (line.split() for line in read_text(path).split("\n"))
    return [words for words in lines if words and words[0] != "="]
