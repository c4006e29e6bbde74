"""DataModules whose splits are lists of examples in memory."""

import json
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

from lightning.pytorch import LightningDataModule

from zoo.data.resumable import ResumableLoader

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
Example = TypeVar("Example")
TextExample = TypeVar("TextExample", bound=tuple)


class SplitData(LightningDataModule, ABC, Generic[Example]):
    """Batches from three lists of examples.

    Args:
        batch_size: examples a process and step; default 32.
        workers: processes that prepare batches; default 0, since encoding is cheap.
        seed: of the order of the training examples; default 0.
        preprocess: the `preprocess.json` of a checkpoint, whose preprocessing is used; default:
            one made from the training examples.
    """

    called = ""  # a name for the figures that are measured on the data; default the class's

    def __init__(
        self,
        batch_size: int = 32,
        workers: int = 0,
        seed: int = 0,
        preprocess: str | None = None,
    ) -> None:
        super().__init__()
        self.batch_size, self.workers, self.seed = batch_size, workers, seed
        self._preprocess = preprocess

    @abstractmethod
    def read(self, split: Split) -> list[Example]:
        """Return the examples of the split `train`, `valid` or `test`."""

    @abstractmethod
    def collate(self, examples: list[Example]) -> Any:
        """Make a batch."""

    @abstractmethod
    def length(self, example: Example) -> int:
        """Return about how many tokens an example takes in a batch."""

    @cached_property
    def train(self) -> list[Example]:
        """The training examples."""
        return self.read("train")

    @property
    def saved(self) -> dict[str, Any] | None:
        """What the preprocessing of the given checkpoint is rebuilt from, if one is given."""
        if not self._preprocess:
            return None
        state = json.loads(Path(self._preprocess).read_text("utf-8"))
        state.pop("class")
        return state

    @property
    def title(self) -> str:
        """What a figure measured on this data is called."""
        return self.called or type(self).__name__

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
        return self._in_order("valid")

    def test_dataloader(self) -> ResumableLoader:
        """The test examples in order."""
        return self._in_order("test")

    def held_out(self, split: Split) -> list[Example]:
        """Return the examples of `valid` or `test` that are measured; default all."""
        return self.read(split)

    def _in_order(self, split: Split) -> ResumableLoader:
        return ResumableLoader(
            self.held_out(split), self.batch_size, collate=self.collate, workers=self.workers
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
