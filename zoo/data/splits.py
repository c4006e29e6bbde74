"""DataModules whose splits are lists of examples in memory: of a corpus, or of one's own file."""

import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

from lightning.pytorch import LightningDataModule

from zoo.data.resumable import ResumableLoader
from zoo.data.table import read_table
from zoo.optim.distributed import rank_and_world_size

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Example = TypeVar("Example")
TextExample = TypeVar("TextExample", bound=tuple)
Row = TypeVar("Row")


class SplitData(LightningDataModule, ABC, Generic[Example]):
    """Batches from three lists of examples.

    Args:
        batch_size: examples a process and step; default 32.
        workers: processes that prepare batches; default 0, since encoding is cheap.
        seed: of the order of the training examples, and of the split of a file; default 0.
        preprocess: the `preprocess.json` of a checkpoint, whose preprocessing is used; default:
            one made from the training examples.
        file: a table of one's own in place of the corpus, as `zoo.data.table.read_table` takes it,
            with a column for each of `COLUMNS`. A column `split` says which rows are `train`,
            `valid` and `test`; without it they are split by `divide`.
        encoding: of that file; default UTF-8.
        columns: what that file calls `COLUMNS`, as `names` of `read_table`; default the same.

    Raises:
        ValueError: if `file` is given and the examples cannot come from one table.
    """

    COLUMNS: tuple[str, ...] = ()  # of a table that examples can be made of
    OPTIONAL: tuple[str, ...] = ("split",)
    called = ""  # a name for the figures that are measured on the data; default the class's

    def __init__(
        self,
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
        preprocess: str | None = None,
        file: str | None = None,
        encoding: str = "utf-8",
        columns: str | None = None,
    ) -> None:
        super().__init__()
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self._preprocess = preprocess
        self.file, self.encoding, self.columns = file, encoding, columns
        if file and not self.COLUMNS:
            raise ValueError(f"file is {file}: {type(self).__name__} has no use for a table")

    @abstractmethod
    def read(self, split: Split) -> list[Example]:
        """Return the examples of the split `train`, `valid` or `test` of the corpus."""

    def from_row(self, row: Any) -> Example:
        """Make an example of a row of one's own file."""
        raise NotImplementedError

    @cached_property
    def rows(self) -> list[Any]:
        """The rows of one's own file, those with an empty cell left out.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: if it is no such table; see `read_table`.
        """
        rows = [{name: cell.strip() for name, cell in row.items()} for row in self._table]
        return [row for row in rows if all(row[name] for name in self.COLUMNS)]

    @cached_property
    def _table(self) -> list[Any]:
        options = {"encoding": self.encoding, "names": self.columns}
        return read_table(self.file or "", self.COLUMNS, self.OPTIONAL, **options)

    def split_of(self, row: Any) -> str | None:
        """Return the split that a row of one's own file is marked for; None if for none."""
        return row.get("split")

    def kind_of(self, row: Any) -> str:
        """Return the kind of a row, such as its label: each split gets the same share of each."""
        return ""

    @cached_property
    def own(self) -> dict[Split, list[Example]]:
        """The examples of one's own file, by split.

        Raises:
            ValueError: as `rows` and `divide`; or if some rows name a split and others do not.
        """
        named = Counter(map(self.split_of, self.rows))
        if set(named) <= {None}:
            kinds = [self.kind_of(row) for row in self.rows]
            parts = divide(self.rows, kinds, self.seed, self.file or "")
        elif odd := sorted(map(str, set(named) - set(SPLITS))):
            raise ValueError(f"{self.file}: split is {odd[0]}: expected one of {', '.join(SPLITS)}")
        else:
            parts = {s: [row for row in self.rows if self.split_of(row) == s] for s in SPLITS}
        return {split: list(map(self.from_row, parts[split])) for split in SPLITS}

    def examples(self, split: Split) -> list[Example]:
        """Return the examples of a split: of one's own file if one is given, or of the corpus."""
        return self.own[split] if self.file else self.read(split)

    def is_cut(self, example: Example) -> bool:
        """Say whether an example is longer than what is read of it; default no."""
        return False

    def remarks(self) -> list[str]:
        """Return what there is to know of one's own file: its splits, and what is odd in it."""
        if not self.file:
            return []
        sizes = ", ".join(f"{len(self.own[split])} {split}" for split in SPLITS)
        found = [f"{self.title}: {sizes}"]
        if empty := len(self._table) - len(self.rows):
            needed = " or ".join(self.COLUMNS)
            found.append(f"{self.title}: {empty} rows without {needed} are left out")
        every = [example for part in self.own.values() for example in part]
        if cut := sum(map(self.is_cut, every)):
            found.append(
                f"{self.title}: {cut} of {len(every)} texts are longer than what is read of them "
                "and are cut (--data.max_length)"
            )
        return found

    @abstractmethod
    def collate(self, examples: list[Example]) -> Any:
        """Make a batch."""

    @abstractmethod
    def length(self, example: Example) -> int:
        """Return about how many tokens an example takes in a batch."""

    @cached_property
    def train(self) -> list[Example]:
        """The training examples."""
        return self.examples("train")

    @property
    def saved(self) -> dict[str, Any] | None:
        """What the preprocessing of the given checkpoint is rebuilt from, if one is given."""
        if not self._preprocess:
            return None
        state = json.loads(Path(self._preprocess).read_text("utf-8"))
        state.pop("class")
        return state

    @property
    def saved_labels(self) -> list[str] | None:
        """The labels of the given checkpoint, if one is given and has labels."""
        config = Path(self._preprocess or "").with_name("config.json") if self._preprocess else None
        if config is None or not config.is_file():
            return None
        return json.loads(config.read_text("utf-8")).get("labels")

    @property
    def title(self) -> str:
        """What a figure measured on this data is called."""
        return Path(self.file).name if self.file else self.called or type(self).__name__

    @property
    def replaces_corpus(self) -> bool:
        """Whether these data stand in the place of the recipe's: the card is then about them."""
        return self.file is not None

    def setup(self, stage: str) -> None:
        """Refuse to train where there is no test example for each process: tests come last."""
        if stage == "fit" and rank_and_world_size()[1] > 1:
            len(self.test_dataloader())

    def train_dataloader(self) -> ResumableLoader:
        """Shuffled batches of similar lengths; the order follows from the seed and the epoch."""
        return ResumableLoader(
            self.train,
            self.batch_size,
            shuffle=True,
            seed=self.seed,
            collate=self.collate,
            workers=self.workers,
            bucket=self.length,
        )

    def val_dataloader(self) -> ResumableLoader:
        """The validation examples in order."""
        return self._in_order(self.held_out("valid"))

    def test_dataloader(self) -> ResumableLoader:
        """The test examples in order."""
        return self._in_order(self.tested)

    @cached_property
    def tested(self) -> list[Example]:
        """The test examples, kept: a fit looks for them before it trains."""
        return self.held_out("test")

    def held_out(self, split: Split) -> list[Example]:
        """Return the examples of `valid` or `test` that are measured; default all.

        Raises:
            ValueError: if one's own file has none, which Lightning would not mind.
        """
        examples = self.examples(split)
        if self.file and not examples:
            raise ValueError(f"{self.file} has no rows of the split {split!r}: mark some")
        return examples

    def _in_order(self, examples: list[Example]) -> ResumableLoader:
        return ResumableLoader(
            examples, self.batch_size, collate=self.collate, workers=self.workers
        )


class SplitTexts(SplitData[TextExample]):
    """Examples that begin with a text; evaluation may leave out the texts of the training split.

    Args:
        unseen_only: leave out of validation and test what also occurs in training; default false.
        options: those of `SplitData`.
    """

    unseen = "unseen texts"

    def __init__(self, unseen_only: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.unseen_only = unseen_only

    @property
    def title(self) -> str:
        """See `SplitData.title`."""
        return f"{super().title}, {self.unseen}" if self.unseen_only else super().title

    def held_out(self, split: Split) -> list[TextExample]:
        """See `SplitData.held_out`."""
        examples = super().held_out(split)
        if not self.unseen_only:
            return examples
        seen = {example[0] for example in self.train}
        return [example for example in examples if example[0] not in seen]


class SplitLabelledTexts(SplitTexts[TextExample]):
    """Examples of a text and the place of its label among the labels."""

    COLUMNS = ("text", "label")
    corpus_labels: list[str]  # of the corpus

    @cached_property
    def labels(self) -> list[str]:
        """The names of the classes: the corpus's, or of one's own file those of `choose_labels`."""
        if not self.file:
            return self.corpus_labels
        return choose_labels({row["label"] for row in self.rows}, self.saved_labels, self.file)

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.labels)

    def kind_of(self, row: dict[str, str]) -> str:
        """See `SplitData.kind_of`."""
        return row["label"]

    def remarks(self) -> list[str]:
        """See `SplitData.remarks`; also on labels that are rare, or not in training."""
        if not self.file:
            return []
        return super().remarks() + label_remarks(
            self.title, self.labels, Counter(example[1] for example in self.own["train"])
        )


def divide(rows: list[Row], kinds: list[str], seed: int, file: str) -> dict[Split, list[Row]]:
    """Split rows at random: of ten, 8 train, 1 validates, 1 tests.

    Args:
        rows: the rows.
        kinds: of each; one that has ten rows or more is in each split, about as often.
        seed: of the split.
        file: what errors call the rows.

    Raises:
        ValueError: if there are fewer than ten rows.
    """
    if len(rows) < 10:
        raise ValueError(f"{file} has {len(rows)} examples: give 10 or more, to split")
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    order.sort(key=kinds.__getitem__)
    part: dict[int, Split] = {8: "valid", 9: "test"}
    splits = {row: part.get(place % 10, "train") for place, row in enumerate(order)}
    return {split: [row for i, row in enumerate(rows) if splits[i] == split] for split in SPLITS}


def choose_labels(found: set[str], saved: list[str] | None, file: str) -> list[str]:
    """Return the labels in order: a checkpoint's if it knows all that a file has, else the file's.

    Args:
        found: the labels of the file.
        saved: those of the checkpoint, if there is one and it has labels.
        file: what errors call the file.

    Raises:
        ValueError: if there is one label alone, which is nothing to tell apart, or one that cannot
            be printed.
    """
    if odd := sorted(label for label in found if not label.isprintable()):
        raise ValueError(f"{file} has the label {odd[0]!r}: expected one line of plain characters")
    if saved and found <= set(saved):
        return saved
    if len(found) < 2:
        raise ValueError(f"{file} has the one label {min(found, default='')!r}: give two or more")
    return sorted(found)


def label_remarks(title: str, labels: list[str], count: Counter[int]) -> list[str]:
    """Return what there is to know of the labels of training examples.

    Args:
        title: what the data are called.
        labels: all that the network tells apart.
        count: how many training examples there are of each.
    """
    most = max(range(len(labels)), key=count.__getitem__)
    shown = [f"{label} {count[i]}" for i, label in enumerate(labels[:20])]
    more = ["..."] if len(labels) > 20 else []
    found = [f"{title}: {len(labels)} labels in training: {', '.join(shown + more)}"]
    if unseen := [label for i, label in enumerate(labels) if not count[i]]:
        found.append(f"{title}: not in training, so not learned: {', '.join(unseen[:20])}")
    share = count[most] / max(1, count.total())
    if share > 10 * min(filter(None, count.values()), default=0) / max(1, count.total()):
        found.append(
            f"{title}: the classes are imbalanced: to say {labels[most]!r} always is right of "
            f"{share:.0%} of the training texts"
        )
    return found
