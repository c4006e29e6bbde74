"""The Chinese reviews of the post on adversarial training: one example a line, `text TAB label`."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from zoo.data.splits import Split, SplitLabelledTexts
from zoo.data.text import read_text

LABELS = ["negative", "positive"]


class ReviewCorpus(SplitLabelledTexts):
    """What the reviews of the techniques have in common, each with its own kind of batch.

    They are `zoo.adversarial.data.Sentiment`, which published checkpoints name, and
    `zoo.masks.classification.data.Reviews`. About a third of the test reviews also stand in the
    training split: `unseen_only` leaves them out.

    Args:
        root: the folder of the three files; default `data/sentiment`.
        options: those of the technique's other data.
    """

    corpus_labels, called = LABELS, "Sentiment"

    def __init__(self, root: str = "data/sentiment", **options: Any) -> None:
        super().__init__(**options)
        self.root = root

    @abstractmethod
    def example(self, text: str, label: int) -> Any:
        """Return a review and the place of its label as an example."""

    def read(self, split: Split) -> list[Any]:
        """See `SplitData.read`; raises as `read_reviews`."""
        return [self.example(text, label) for text, label in read_reviews(self.root, split)]


def read_reviews(root: str | Path, split: Split) -> list[tuple[str, int]]:
    """Read a split of the two-class set of 21,105 reviews (https://kexue.fm/archives/7234).

    Args:
        root: the folder of `sentiment.train.data`, `sentiment.valid.data` and
            `sentiment.test.data`, lines of review TAB 0 or 1.
        split: which of them.

    Returns:
        (review, index in `LABELS`) for each line.

    Raises:
        FileNotFoundError: if the file is not there; the message says where to get it.
        ValueError: as `read_labelled`.
    """
    path = Path(root) / f"sentiment.{split}.data"
    if not path.is_file():
        raise FileNotFoundError(
            f"no {path}: unpack https://github.com/bojone/bert4keras/raw/master/examples/"
            "datasets/sentiment.zip and give the folder of its files with --data.root"
        )
    return read_labelled(path, ["0", "1"])


def read_labelled(path: Path, labels: list[str]) -> list[tuple[str, int]]:
    """Read the examples of a file, one a line; the label follows the line's last TAB.

    Args:
        path: a UTF-8 file.
        labels: the labels as they are written in the file.

    Returns:
        (text, index of its label in `labels`) for each line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or not UTF-8, a line has no TAB, or a label is not in `labels`.
    """
    examples = []
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        text, tab, label = line.rstrip("\r").rpartition("\t")
        if not tab:
            raise ValueError(f"{path}, line {number}: expected text, a TAB and a label")
        if label not in labels:
            raise ValueError(f"{path}, line {number}: label {label!r} is not one of {labels}")
        examples.append((text, labels.index(label)))
    return examples
