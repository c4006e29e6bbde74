import pickle
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import Dataset

from zoo.data.resumable import ResumableLoader

sizes = st.integers(1, 60)
batch_sizes = st.integers(1, 9)
seeds = st.integers(0, 2**40)
worlds = st.integers(1, 4)
quick = settings(max_examples=60)


def epoch(loader):
    return [batch.tolist() for batch in loader]


def items(batches):
    return [item for batch in batches for item in batch]


def interleave(shards):
    """The global batch of which each rank holds the items r, r + world size, ..."""
    whole = [None] * sum(len(shard) for shard in shards)
    for rank, shard in enumerate(shards):
        whole[rank :: len(shards)] = shard
    return whole


@quick
@given(sizes, batch_sizes, seeds)
def test_each_epoch_is_another_permutation(n, batch_size, seed):
    loader = ResumableLoader(range(n), batch_size, shuffle=True, seed=seed)
    first, second = epoch(loader), epoch(loader)
    assert sorted(items(first)) == sorted(items(second)) == list(range(n))
    assert len(first) == len(second) == len(loader)
    if n >= 20:
        assert first != second
        assert first != epoch(ResumableLoader(range(n), batch_size, shuffle=True, seed=seed + 1))


@quick
@given(sizes, batch_sizes, worlds, seeds)
def test_ranks_share_the_global_batch_of_one_process(n, batch_size, world_size, seed):
    options = {"shuffle": True, "seed": seed}
    one = epoch(ResumableLoader(range(n), batch_size * world_size, **options))
    options["world_size"] = world_size
    if n < world_size:
        with pytest.raises(ValueError, match="fill no batch"):
            len(ResumableLoader(range(n), batch_size, rank=0, **options))
        return
    loaders = [
        ResumableLoader(range(n), batch_size, rank=rank, **options) for rank in range(world_size)
    ]
    ranks = [epoch(loader) for loader in loaders]
    assert {len(loader) for loader in loaders} == {len(rank) for rank in ranks} == {len(ranks[0])}
    together = [interleave(shards) for shards in zip(*ranks, strict=True)]
    assert together == one[: len(together)]
    dropped = one[len(together) :]
    assert len(items(dropped)) < world_size
    assert len(dropped) <= 1


@quick
@given(sizes, batch_sizes, worlds)
def test_evaluation_sees_each_item_once_on_some_rank(n, batch_size, world_size):
    loaders = [
        ResumableLoader(range(n), batch_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    if n < world_size:
        for loader in loaders:  # on every rank, lest some wait for ever
            with pytest.raises(ValueError, match=rf"{n} item.* on {world_size} processes: .*{n}"):
                len(loader)
        return
    ranks = [epoch(loader) for loader in loaders]
    assert [len(rank) for rank in ranks] == [len(loader) for loader in loaders]
    assert sorted(items(items(ranks))) == list(range(n))
    assert all(rank == sorted(rank) for rank in map(items, ranks))


@quick
@given(sizes, batch_sizes, seeds, st.integers(0, 150), st.booleans(), st.booleans())
def test_resumes_from_anywhere(n, batch_size, seed, consumed, shuffle, bucket):
    def new():
        length = (lambda item: item % 7) if bucket else None
        return ResumableLoader(range(n), batch_size, shuffle=shuffle, seed=seed, bucket=length)

    def stream(loader):
        while True:
            yield from epoch_of(loader)

    def epoch_of(loader):
        for batch in loader:
            yield batch.tolist()

    killed = new()
    batches = stream(killed)
    for _ in range(consumed):
        next(batches)
    resumed = new()
    resumed.load_state_dict(pickle.loads(pickle.dumps(killed.state_dict())))
    assert resumed.state_dict() == killed.state_dict()
    later = stream(resumed)
    for _ in range(2 * len(killed) + 1):
        assert next(later) == next(batches)


@quick
@given(st.integers(1, 700), batch_sizes, seeds)
def test_buckets_keep_items_of_similar_length_together(n, batch_size, seed):
    lengths = np.random.default_rng(seed).integers(1, 200, n)

    def loader(**options):
        return ResumableLoader(range(n), batch_size, shuffle=True, seed=seed, **options)

    def padding(batches):
        return sum(lengths[batch].max() * len(batch) - lengths[batch].sum() for batch in batches)

    bucketed = epoch(loader(bucket=lambda item: lengths[item]))
    assert sorted(items(bucketed)) == list(range(n))
    assert [len(batch) for batch in bucketed] == [len(batch) for batch in epoch(loader())]
    whole = n // batch_size  # the tail is not sorted
    assert padding(bucketed[:whole]) <= padding(epoch(loader())[:whole])
    if n >= 300 and batch_size >= 4:
        assert padding(bucketed) < padding(epoch(loader())) / 2
        longest = [lengths[batch].max() for batch in bucketed]
        assert longest != sorted(longest)


@pytest.mark.parametrize("workers", [0, 2])
def test_global_random_state_stays(workers):
    def states():
        of_numpy = np.random.get_state()[1]  # noqa: NPY002
        return random.getstate(), of_numpy.tolist(), torch.get_rng_state().tolist()

    before = states()
    loader = ResumableLoader(range(10), 4, shuffle=True, workers=workers)
    assert len(epoch(loader)) == 3
    next(iter(loader))
    assert states() == before


def test_workers_change_nothing_and_read_ahead_without_harm():
    expected = ResumableLoader(range(23), 2, shuffle=True)
    loader = ResumableLoader(range(23), 2, shuffle=True, workers=2)
    assert epoch(loader) == epoch(expected)
    batches = iter(loader)
    rest = [next(batches).tolist() for _ in range(3)]
    resumed = ResumableLoader(range(23), 2, shuffle=True, workers=2)
    resumed.load_state_dict(loader.state_dict())
    assert rest + epoch(resumed) == epoch(expected)


class Seeds(Dataset):
    """The seed that torch gives the worker."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return torch.initial_seed()


def test_workers_get_another_seed_each_epoch_and_rank():
    def seeds(rank):
        loader = ResumableLoader(Seeds(), 1, workers=1, rank=rank, world_size=2)
        return [epoch(loader)[0][0] for _ in range(2)]

    assert len({*seeds(0), *seeds(1)}) == 4
    assert seeds(0) == seeds(0)


def test_an_abandoned_pass_starts_over():
    loader = ResumableLoader(range(6), 2, shuffle=True)
    first = next(iter(loader)).tolist()
    assert epoch(loader)[0] == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dataset": []}, "dataset is empty"),
        ({"batch_size": 0}, "batch_size is 0, seed 0 and workers 0: expected at least 1, 0 and 0"),
        ({"seed": -1}, "seed -1 and workers 0"),
        ({"workers": -1}, "workers -1: expected"),
        ({"rank": 0}, "rank is 0 of world_size None: expected"),
        ({"world_size": 2}, "rank is None of world_size 2: expected"),
        ({"rank": 2, "world_size": 2}, "rank is 2 of world_size 2: expected"),
        ({"rank": 0, "world_size": 0}, "rank is 0 of world_size 0: expected"),
    ],
)
def test_refuses_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        ResumableLoader(**{"dataset": range(4), "batch_size": 2} | arguments)


def test_refuses_data_that_fills_no_batch():
    with pytest.raises(ValueError, match=r"3 items fill no batch of 4 .* lower batch_size"):
        epoch(ResumableLoader(range(3), 4, drop_last=True))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"dataset": range(11)}, "items of the loader is 11: expected 10"),
        ({"seed": 1}, "seed of the loader is 1: expected 0"),
        ({"batch_size": 2}, "global_batch of the loader is 2: expected 3"),
        ({"shuffle": False}, "shuffle of the loader is False: expected True"),
        ({"drop_last": True}, "batches of the loader is 3: expected 4"),
        ({"bucket": int}, "bucket of the loader is True: expected False"),
    ],
)
def test_refuses_the_state_of_another_order(changed, message):
    arguments = {"dataset": range(10), "batch_size": 3, "shuffle": True, "seed": 0}
    state = ResumableLoader(**arguments).state_dict()
    other = ResumableLoader(**arguments | changed)
    with pytest.raises(ValueError, match=message):
        other.load_state_dict(state)
    with pytest.raises(ValueError, match="expected None"):
        other.load_state_dict({"sampler": 3})


class Recorder(LightningModule):
    """Notes what each step sees."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.trained, self.validated = [], []

    def training_step(self, batch, batch_idx):
        self.trained.append((self.current_epoch, batch.tolist()))
        return self.weight * 0

    def validation_step(self, batch, batch_idx):
        self.validated.append(batch.tolist())

    def predict_step(self, batch, batch_idx):
        return batch.tolist()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


def trainer(**options):
    return Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
        **options,
    )


def test_lightning_takes_the_orders_of_successive_epochs():
    module = Recorder()
    loader = ResumableLoader(range(10), 3, shuffle=True)
    validation = ResumableLoader(range(5), 2)
    run = trainer(max_epochs=3, limit_train_batches=2, num_sanity_val_steps=2)
    run.fit(module, loader, validation)
    assert run.train_dataloader is loader  # the user's own, not a copy with another sampler
    plain = ResumableLoader(range(10), 3, shuffle=True)
    orders = [epoch(plain)[:2] for _ in range(3)]
    assert module.trained == [(i, batch) for i in range(3) for batch in orders[i]]
    once = [[0, 1], [2, 3], [4]]
    assert module.validated == once[:2] + 3 * once  # the sanity check leaves nothing behind


def test_lightning_predicts_and_overfits_with_it():
    loader = ResumableLoader(range(5), 2)
    module = Recorder()
    assert trainer().predict(module, loader) == [[0, 1], [2, 3], [4]]
    trainer(max_epochs=2, overfit_batches=1).fit(module, loader)
    assert [batch for _, batch in module.trained] == [[0, 1], [0, 1]]
