"""A data loader that continues where a killed run stopped, to the batch."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from zoo.optim.distributed import rank_and_world_size

WINDOW = 32  # global batches sorted together when bucketing


class ResumableLoader:
    """Batches in an order that depends on the seed and the epoch only.

    The order never touches the global random state, and the position counts the batches handed
    out, whatever the workers have read ahead. Lightning saves and restores it in its checkpoints,
    and never replaces it, since it is no `torch.utils.data.DataLoader`. In a plain loop each
    complete pass is an epoch, and one that breaks off starts over; Lightning says when an epoch
    begins, also after one shortened by `limit_train_batches`.

    Under `torch.distributed` rank r gets the items r, r + world size, ... of each global batch of
    `batch_size` x world size, so that 2 processes with batch b see in a step what 1 process with
    batch 2b sees. A shuffled loader is for training: all ranks get the same number of batches,
    and a last batch too short for one item a rank is dropped. An unshuffled loader is for
    evaluation: each item comes once in the dataset's order, unpadded, so the last batch of a rank
    may be shorter or missing, if it is not its only one; to train on it, add `drop_last=True`.

    Args:
        dataset: anything with `len()` and `[int]`. If it has `set_epoch`, it hears of the epoch
            before each pass. With workers, a resume in mid-epoch is exact
            unless the dataset draws from its worker's global random state.
        batch_size: items a rank sees in a step.
        shuffle: a new order each epoch instead of the dataset's.
        seed: of the order, at least 0.
        collate: from a list of items to a batch; default `torch.utils.data.default_collate`.
        workers: processes that read items ahead; 0 reads them in this process.
        drop_last: drop the last global batch when it is short.
        bucket: length of an item. A shuffled epoch then has items of similar length in a batch
            (windows of 32 global batches are sorted, then the batches shuffled), which saves
            padding. All lengths are read now.
        rank: number of this process among those that share the data; default
            `torch.distributed`'s at the time of iteration.
        world_size: how many these are; given together with `rank`.

    Raises:
        ValueError: an argument is out of range, or the data does not fill one batch, or has no
            item for some process.

    Example:
        >>> loader = ResumableLoader(range(5), batch_size=2)
        >>> [batch.tolist() for batch in loader]
        [[0, 1], [2, 3], [4]]
        >>> killed = iter(loader)
        >>> next(killed)
        tensor([0, 1])
        >>> later = ResumableLoader(range(5), batch_size=2)
        >>> later.load_state_dict(loader.state_dict())
        >>> [batch.tolist() for batch in later]
        [[2, 3], [4]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        *,
        shuffle: bool = False,
        seed: int = 0,
        collate: Callable[[list], Any] | None = None,
        workers: int = 0,
        drop_last: bool = False,
        bucket: Callable[[Any], int] | None = None,
        rank: int | None = None,
        world_size: int | None = None,
    ) -> None:
        if len(dataset) == 0:
            raise ValueError("dataset is empty: expected at least one item; look at the data")
        if batch_size < 1 or seed < 0 or workers < 0:
            raise ValueError(
                f"batch_size is {batch_size}, seed {seed} and workers {workers}: expected at least "
                "1, 0 and 0"
            )
        given = rank is not None or world_size is not None
        if given and (rank is None or world_size is None or not 0 <= rank < world_size):
            raise ValueError(
                f"rank is {rank} of world_size {world_size}: expected 0 <= rank < world_size"
            )
        # Lightning takes a loader with the attributes `dataset` and `sampler` for torch's own.
        self.items = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.collate = collate
        self.workers = workers
        self.drop_last = drop_last
        # not later, for reading an item may draw random numbers that a resumed run has drawn before
        self.lengths = (
            np.array([bucket(dataset[i]) for i in range(len(dataset))]) if bucket else None
        )
        self.rank = rank
        self.world_size = world_size
        self._epoch = 0
        self._position = 0  # batches handed out since that epoch began, over all passes
        self._restored = False  # the next pass begins at the position, and not at its own start
        # where Lightning seeks `set_epoch`
        self.batch_sampler = SimpleNamespace(sampler=SimpleNamespace(set_epoch=self._begin_epoch))

    def __len__(self) -> int:
        """Batches of this rank in a pass."""
        rank, world_size = self._rank_and_world_size()
        full, tail = divmod(len(self.items), self.batch_size * world_size)
        enough = world_size if self.shuffle else rank + 1
        batches = full + (tail >= enough and not self.drop_last)
        if not self.shuffle and len(self.items) < world_size:  # Lightning minds a rank with none
            raise ValueError(
                f"{len(self.items)} item(s) on {world_size} processes: expected one each; use "
                f"fewer (--trainer.devices {len(self.items)})"
            )
        if batches == 0 and (self.shuffle or self.drop_last):
            raise ValueError(
                f"{len(self.items)} items fill no batch of {self.batch_size} on {world_size} "
                f"process(es) with drop_last={self.drop_last}: lower batch_size"
            )
        return batches

    def __iter__(self) -> Iterator[Any]:
        """Yield the batches of a pass: the rest of the restored one, or else a whole one."""
        # A generator begins at its first `next`. That matters: Lightning makes the iterator
        # first and names the epoch afterwards.
        passes, start = divmod(self._position, max(1, len(self)))
        if not self._restored:
            self._position, start = self._position - start, 0
        self._restored = False
        for batch in self._read(self._epoch + passes, start):
            self._position += 1  # before the step, since a checkpoint may be saved within it
            yield batch

    def state_dict(self) -> dict[str, Any]:
        """Return the position and all it depends on, as plain types."""
        return {"epoch": self._epoch, "position": self._position} | self._identity()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next pass continue from `state`.

        Raises:
            ValueError: `state` belongs to other data or to another order.
        """
        for name, value in self._identity().items():
            if state.get(name) != value:
                raise ValueError(
                    f"{name} of the loader is {value}: expected {state.get(name)}, as in the "
                    "checkpoint; resume with the same data and settings, or start anew from the "
                    "weights"
                )
        self._epoch, self._position = state["epoch"], state["position"]
        self._restored = True

    def _identity(self) -> dict[str, Any]:
        return {
            "items": len(self.items),
            "global_batch": self.batch_size * self._rank_and_world_size()[1],
            "batches": len(self),
            "shuffle": self.shuffle,
            "seed": self.seed,
            "bucket": self.lengths is not None,
        }

    def _begin_epoch(self, epoch: int) -> None:
        """Hear from Lightning that `epoch` begins, or goes on after a resume."""
        if not self._restored or epoch != self._epoch:
            self._epoch, self._position = epoch, 0

    def _rank_and_world_size(self) -> tuple[int, int]:
        # read late: many a loader is built before the processes are
        if self.rank is not None and self.world_size is not None:
            return self.rank, self.world_size
        return rank_and_world_size()

    def _read(self, epoch: int, start: int) -> DataLoader:
        if hasattr(self.items, "set_epoch"):
            self.items.set_epoch(epoch)
        # Each pass of torch's loader draws a seed for its workers: from a generator of its own,
        # lest the global random state move.
        rank, _ = self._rank_and_world_size()
        seed = np.random.default_rng((self.seed, epoch, rank)).integers(2**63)
        return DataLoader(
            self.items,
            batch_sampler=self._batches(epoch)[start:],
            collate_fn=self.collate,
            num_workers=self.workers,
            generator=torch.Generator().manual_seed(int(seed)),
        )

    def _batches(self, epoch: int) -> list[list[int]]:
        """List the item numbers in each batch of this rank."""
        rank, world_size = self._rank_and_world_size()
        size = self.batch_size * world_size
        full = len(self.items) // size
        rng = np.random.default_rng((self.seed, epoch))
        order = rng.permutation(len(self.items)) if self.shuffle else np.arange(len(self.items))
        whole, tail = order[: full * size], order[full * size :]
        if self.shuffle and self.lengths is not None:
            window = np.arange(len(whole)) // (WINDOW * size)
            whole = whole[np.lexsort((self.lengths[whole], window))]
            whole = whole.reshape(full, size)[rng.permutation(full)]
        # the tail is left unsorted, so that dropping it costs no length in particular
        batches = [*whole.reshape(full, size), tail][: len(self)]
        return [batch[rank::world_size].tolist() for batch in batches]
