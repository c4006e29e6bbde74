"""What lies in a folder, good and bad."""

import gzip
import hashlib
import os
import pickle
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
import torch
import torchvision
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from zoo.data.images import FASHION_CLASSES, Pictures
from zoo.data.images.archive import find_archives, read_archive, unpack_archive
from zoo.data.images.idx import read_idx
from zoo.data.images.known import download, recognise


def write_idx(path, array, magic=None, short=0):
    kind = magic or 0x800 + array.ndim
    header = np.array([kind, *array.shape], ">u4").tobytes()
    content = header + array.tobytes()[: array.size - short]
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def digits(folder, n=40, suffix=""):
    rng = np.random.default_rng(0)
    for split in ("train", "t10k"):
        write_idx(
            folder / f"{split}-images-idx3-ubyte{suffix}",
            rng.integers(256, size=(n, 6, 5), dtype=np.uint8),
        )
        write_idx(folder / f"{split}-labels-idx1-ubyte{suffix}", np.arange(n, dtype=np.uint8) % 10)


def picture(path, size=(8, 8), mode="RGB", colour=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = colour if colour is not None else (90, 160, 30) if mode == "RGB" else 90
    Image.new(mode, size, colour).save(path)


def by_class(folder, n=20, classes=("猫", "dog")):
    for k, name in enumerate(classes):
        for i in range(n):
            picture(folder / name / f"图{i}.png", colour=(200 * k, 40, i))


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_idx_files_plain_and_packed(tmp_path, suffix):
    digits(tmp_path, suffix=suffix)
    data = Pictures(str(tmp_path), batch_size=4)
    assert (data.title, data.classes, data.shape) == (tmp_path.name, 10, [1, 6, 5])
    assert {k: len(v) for k, v in data.sets.items()} == {"train": 36, "valid": 4, "test": 40}
    expected = read_idx(tmp_path / f"t10k-images-idx3-ubyte{suffix}", 3)
    pictures, labels = next(iter(data.test_dataloader()))
    assert torch.equal(pictures, torch.from_numpy(expected[:4].copy())[:, None] / 255)
    assert labels.tolist() == [0, 1, 2, 3]


def test_other_idx_files_are_not_called_the_known_set(tmp_path):
    digits(tmp_path)
    garments = Pictures(str(tmp_path), known="fashion-mnist", labels=[*FASHION_CLASSES])
    assert (garments.title, garments.replaces_corpus) == (tmp_path.name, True)
    assert garments.labels == [*"0123456789"]
    (remark,) = garments.remarks()
    assert remark.startswith(f"{tmp_path.name}: these are not the files of Fashion-MNIST; class")
    own = Pictures(str(tmp_path), labels=[*FASHION_CLASSES])
    assert (own.labels, own.remarks()) == ([*FASHION_CLASSES], [])


def test_the_known_set_is_told_by_its_bytes(data):
    names = [*"abcdefghij"]
    known = Pictures(str(data / "digits"), known="mnist", labels=names)
    assert (known.title, known.replaces_corpus, known.labels) == ("MNIST", False, names)
    train = read_idx(data / "digits" / "train-labels-idx1-ubyte.gz", 1)
    assert known.sets["valid"].labels.tolist() == train[-5_000:].tolist()  # as published
    assert known.remarks() == []
    other = Pictures(str(data / "digits"), known="fashion-mnist", labels=names)
    assert (other.title, other.labels) == ("digits", [*"0123456789"])


def test_cifar_10_as_jpeg_is_known_and_other_archives_are_not(data, tmp_path):
    sets = {k: read_archive(path) for k, path in find_archives(data / "colour").items()}
    assert (recognise(sets, "cifar10"), recognise(sets, "mnist")) == ("cifar10", None)
    names = [*"abcdefghij"]
    archive(tmp_path / "train.npz")
    own = Pictures(str(tmp_path), known="cifar10", labels=names)
    assert (own.title, own.labels) == (f"{tmp_path.name}, a tenth held out", [*"012"])


def test_pictures_sorted_by_class_are_held_out_of_all_classes(tmp_path):
    labels = np.repeat(np.arange(4, dtype=np.uint8), 100)
    write_idx(tmp_path / "train-images-idx3-ubyte", np.zeros((400, 2, 2), np.uint8))
    write_idx(tmp_path / "train-labels-idx1-ubyte", labels)
    for split in ("train", "valid", "test"):
        found, again = (Pictures(str(tmp_path)).sets[split].labels for _ in "12")
        assert len(found.unique()) == 4
        assert torch.equal(found, again)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"magic": 0x802}, "begins with 0x802: expected 0x803"),
        ({"short": 7}, "has 1193 bytes after its header: expected 1200 for 40 x 6 x 5"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_damaged_idx_file_is_named(tmp_path, wrong, sentence, suffix):
    digits(tmp_path, suffix=suffix)
    path = tmp_path / f"train-images-idx3-ubyte{suffix}"
    write_idx(path, np.zeros((40, 6, 5), np.uint8), **wrong)
    with pytest.raises(ValueError, match=sentence) as error:
        _ = Pictures(str(tmp_path)).shape
    assert str(path) in str(error.value)


@given(st.binary(max_size=60), st.booleans())
def test_any_bytes_are_no_idx_file_or_one(tmp_path_factory, content, packed):
    path = tmp_path_factory.mktemp("idx") / ("a.gz" if packed else "a")
    path.write_bytes(content)
    with suppress(ValueError):
        assert read_idx(path, 1).nbytes == len(content) - 8


def test_a_cut_gz_file_and_labels_that_are_fewer_are_named(tmp_path):
    digits(tmp_path, suffix=".gz")
    path = tmp_path / "train-images-idx3-ubyte.gz"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"ubyte.gz is a damaged gz file"):
        _ = Pictures(str(tmp_path)).shape
    path.write_bytes(whole)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.zeros(39, np.uint8))
    with pytest.raises(
        ValueError, match=r"40 pictures and .* 39 labels: expected a label for each"
    ):
        _ = Pictures(str(tmp_path)).shape


def test_torchvisions_download_with_the_files_in_place(data, tmp_path):
    raw = tmp_path / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file in (data / "digits").glob("*.gz"):
        (raw / file.stem).write_bytes(gzip.decompress(file.read_bytes()))
    module = Pictures(str(tmp_path), known="mnist", download=True)
    assert (module.title, len(module.sets["train"])) == ("MNIST", 55_000)


def test_a_download_without_a_network_says_so(tmp_path):
    with pytest.raises(OSError, match=r"MNIST cannot be fetched to .*put its files there"):
        _ = Pictures(str(tmp_path), known="mnist", download=True).shape


def test_processes_that_download_into_one_folder_take_turns(tmp_path, monkeypatch):
    """Torchvision's classes write into the same files; without a network one stands for them."""
    at_work, most = [], []

    def fetch(folder, train, download):
        at_work.append(train)
        most.append(len(at_work))
        time.sleep(0.02)
        at_work.remove(train)

    monkeypatch.setattr(torchvision.datasets, "MNIST", fetch)
    with ThreadPoolExecutor(3) as pool:
        assert [*pool.map(download, [str(tmp_path / "new")] * 3, ["mnist"] * 3)] == [None] * 3
    assert most == [1] * 6


def test_what_is_not_there_is_said_with_what_to_do(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no .*/none: --data.download true fetches it"):
        _ = Pictures(str(tmp_path / "none"), known="mnist").shape
    with pytest.raises(FileNotFoundError, match=r"no pictures in .*: expected idx files, .npz"):
        _ = Pictures(str(tmp_path)).shape
    with pytest.raises(ValueError, match="download is true: expected known"):
        Pictures(download=True)


def test_a_folder_by_class_with_chinese_names(tmp_path):
    by_class(tmp_path)
    (tmp_path / "猫" / "notes.txt").write_text("no picture")
    data = Pictures(str(tmp_path), batch_size=4)
    assert data.labels == ["dog", "猫"]
    assert data.title == f"{tmp_path.name}, a tenth held out"
    sizes = {k: len(v) for k, v in data.sets.items()}
    assert sizes == {"train": 33, "valid": 3, "test": 4}
    for loader in (data.train_dataloader(), data.test_dataloader()):
        for pictures, labels in loader:
            assert ((pictures[:, 0, 0, 0] < 0.5).long() == labels).all()
    again = Pictures(str(tmp_path), batch_size=4)
    assert again.sets["test"].sources == data.sets["test"].sources


def test_a_folder_with_splits_and_a_flat_one(tmp_path):
    for split in ("train", "val", "test"):
        by_class(tmp_path / "split" / split, n=4)
    data = Pictures(str(tmp_path / "split"))
    assert {k: len(v) for k, v in data.sets.items()} == {"train": 8, "valid": 8, "test": 8}
    assert data.title == "split"
    for i in range(10):
        picture(tmp_path / "flat" / f"{i}.png")
    flat = Pictures(str(tmp_path / "flat"))
    assert (flat.labels, flat.classes) == ([""], 1)
    picture(tmp_path / "split" / "test" / "bird" / "a.png")
    with pytest.raises(ValueError, match="has the class bird, which training has not"):
        _ = Pictures(str(tmp_path / "split")).shape


def test_splits_without_training_are_no_classes(tmp_path):
    for split in ("training", "test"):
        by_class(tmp_path / split, n=4)
    with pytest.raises(ValueError, match=r"has test and no folder train: rename the folder of"):
        _ = Pictures(str(tmp_path)).shape
    for split in ("train", "val", "valid"):
        by_class(tmp_path / split, n=4)
    with pytest.raises(ValueError, match=r"has val and valid: expected one folder of the split"):
        _ = Pictures(str(tmp_path)).shape


def test_a_split_of_no_class_or_without_pictures_is_refused_before_training(tmp_path):
    by_class(tmp_path / "train", n=4)
    picture(tmp_path / "test" / "1.jpg")
    with pytest.raises(ValueError, match=r"/test holds pictures in no class's folder, such as 1.j"):
        _ = Pictures(str(tmp_path)).shape
    (tmp_path / "test" / "1.jpg").unlink()
    with pytest.raises(ValueError, match="has no usable picture in the split test: add some"):
        _ = Pictures(str(tmp_path)).shape
    (tmp_path / "test" / "dog").mkdir()
    (tmp_path / "test" / "dog" / "1.jpg").write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="1 of 9 pictures cannot be used"),
        pytest.raises(ValueError, match="has no usable picture in the split test: add some"),
    ):
        _ = Pictures(str(tmp_path), broken="skip").shape


def test_idx_files_of_no_picture_are_refused(tmp_path):
    digits(tmp_path)
    write_idx(tmp_path / "t10k-images-idx3-ubyte", np.zeros((0, 6, 5), np.uint8))
    write_idx(tmp_path / "t10k-labels-idx1-ubyte", np.zeros(0, np.uint8))
    with pytest.raises(ValueError, match="has no usable picture in the split test: add some"):
        _ = Pictures(str(tmp_path)).shape


def test_the_order_of_pictures_is_of_their_names_on_every_system(tmp_path):
    by_class(tmp_path, n=6)
    _ = (found := Pictures(str(tmp_path))).shape
    order = [source for name in ("train", "valid", "test") for source in found.sets[name].sources]
    keys = [hashlib.sha256(p.relative_to(tmp_path).as_posix().encode()) for p in order]
    assert sorted(keys[:9], key=lambda key: key.hexdigest()) == keys[:9]


def spoil(folder):
    """Put one picture of each bad kind among good ones; return the names of the bad."""
    good = (folder / "dog" / "图0.png").read_bytes()
    (folder / "dog" / "cut.png").write_bytes(good[: len(good) // 2])
    (folder / "dog" / "empty.jpg").write_bytes(b"")
    picture(folder / "dog" / "dot.png", size=(1, 1))
    (folder / "dog" / "loop.png").symlink_to(folder / "dog" / "loop.png")
    return {"cut.png", "empty.jpg", "dot.png", "loop.png"}


def test_bad_pictures_are_named_and_counted_and_refused_or_skipped(tmp_path):
    by_class(tmp_path, n=500)
    bad = spoil(tmp_path)
    picture(tmp_path / "猫" / "grey.png", mode="L")
    Image.fromarray(np.full((8, 8), 40_000, np.uint16)).save(tmp_path / "猫" / "deep.png")
    with pytest.raises(ValueError, match="4 of 1006 pictures cannot be used: ") as error:
        _ = Pictures(str(tmp_path)).shape
    assert all(f"/{name} (" in str(error.value) for name in bad)
    assert "--data.broken skip" in str(error.value)
    data = Pictures(str(tmp_path), broken="skip", batch_size=64)
    with pytest.warns(UserWarning, match=r"4 of 1006 pictures cannot be used.*left out"):
        _ = data.sets
    assert data.shape == [3, 8, 8]
    assert sum(map(len, data.sets.values())) == 1002
    seen = sum(len(pictures) for pictures, _ in data.train_dataloader())
    assert seen == len(data.sets["train"])


def test_links_are_followed_and_loops_are_not(tmp_path):
    by_class(tmp_path / "real", n=5)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "dog").symlink_to(tmp_path / "real" / "dog")
    (tmp_path / "root" / "猫").symlink_to(tmp_path / "real" / "猫")
    (tmp_path / "real" / "dog" / "up").symlink_to(tmp_path / "root")
    data = Pictures(str(tmp_path / "root"))
    assert data.sets["train"].labels.max() == 1
    assert sum(map(len, data.sets.values())) <= 15
    names = [os.path.realpath(p) for s in data.sets.values() for p in s.sources]
    assert len(names) == 15 or len(set(names)) == 10


def test_fewer_pictures_than_a_batch_make_one_batch(tmp_path):
    by_class(tmp_path, n=4)
    (batch,) = Pictures(str(tmp_path), batch_size=64).train_dataloader()
    assert len(batch[0]) == 6  # one is for test, one for valid
    with pytest.raises(ValueError, match="lower batch_size"):
        list(Pictures(str(tmp_path), batch_size=64, drop_last=True).train_dataloader())
    (tmp_path / "one").mkdir()
    picture(tmp_path / "one" / "a.png")
    with pytest.raises(ValueError, match="1 pictures in all: expected at least 3"):
        _ = Pictures(str(tmp_path / "one")).sets


def test_sizes_that_differ_ask_for_one_and_a_checkpoint_gives_it(tmp_path):
    by_class(tmp_path)
    picture(tmp_path / "dog" / "wide.png", size=(30, 10))
    with pytest.raises(ValueError, match=r"height from 8 to 10 pixels: .*--data.height 32"):
        _ = Pictures(str(tmp_path)).shape
    assert Pictures(str(tmp_path), height=12, width=14, channels=1).shape == [1, 12, 14]
    saved = tmp_path / "preprocess.json"
    saved.write_text('{"class": "x", "height": 9, "width": 9, "channels": 1, "padding": 2}')
    assert Pictures(str(tmp_path), preprocess=str(saved)).shape == [1, 13, 13]
    given = {"height": 12, "channels": 3, "padding": 0}
    assert Pictures(str(tmp_path), preprocess=str(saved), **given).shape == [3, 12, 9]


def archive(path, n=30):
    import io

    files = []
    for i in range(n):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), (i * 8, 0, 0)).save(file, "JPEG")
        files.append(np.frombuffer(file.getvalue(), np.uint8))
    offsets = np.cumsum([0, *map(len, files)])
    np.savez(path, jpeg=np.concatenate(files), offsets=offsets, labels=np.arange(n) % 3)
    return np.concatenate(files), offsets


def test_an_archive_of_jpeg_files_and_its_unpacked_folder_are_the_same_pictures(tmp_path):
    archive(tmp_path / "x_train.npz")
    archive(tmp_path / "x_test.npz")
    data = Pictures(str(tmp_path), batch_size=30)
    assert (data.classes, data.shape, data.labels) == (3, [3, 8, 8], ["0", "1", "2"])
    ((packed, labels),) = data.test_dataloader()
    assert unpack_archive(tmp_path / "x_test.npz", tmp_path / "out") == 30
    for i, label in enumerate(labels.tolist()):
        path = tmp_path / "out" / str(label) / f"{i:05}.jpg"
        assert torch.equal(data.preprocess([path])[0], packed[i])


def test_archives_are_told_by_a_word_of_their_names(tmp_path):
    archive(tmp_path / "fastest_train.npz")
    archive(tmp_path / "la-TEST.npz", n=9)
    archive(tmp_path / "untrained.npz", n=3)
    data = Pictures(str(tmp_path))
    assert {k: len(v) for k, v in data.sets.items()} == {"train": 27, "valid": 3, "test": 9}
    archive(tmp_path / "test_of_train.npz")
    with pytest.raises(ValueError, match=r"test_of_train.npz says test and train: expected one"):
        _ = Pictures(str(tmp_path)).shape
    (tmp_path / "test_of_train.npz").rename(tmp_path / "test2.npz")
    with pytest.raises(ValueError, match=r"test2.npz says test: expected one split, and one arch"):
        _ = Pictures(str(tmp_path)).shape


def test_a_damaged_archive_is_named(tmp_path):
    jpeg, offsets = archive(tmp_path / "train.npz")
    whole = (tmp_path / "train.npz").read_bytes()
    (tmp_path / "train.npz").write_bytes(whole[:-200])
    with pytest.raises(ValueError, match=r"train.npz is damaged or no archive of pictures"):
        _ = Pictures(str(tmp_path)).shape
    np.savez(tmp_path / "train.npz", jpeg=jpeg[:-99], offsets=offsets, labels=np.arange(30))
    with pytest.raises(ValueError, match=r"train.npz has 31 offsets up to"):
        _ = Pictures(str(tmp_path)).shape
    jpeg[offsets[4] : offsets[5]] = 0
    np.savez(tmp_path / "train.npz", jpeg=jpeg, offsets=offsets, labels=np.arange(30))
    with pytest.raises(ValueError, match=r"1 of 30 pictures cannot be used: picture 4 \(no pict"):
        _ = Pictures(str(tmp_path)).shape


def test_stacked_digits_have_three_colours_and_the_label_of_three(tmp_path):
    digits(tmp_path)
    data = Pictures(str(tmp_path), stacked=True, padding=1, batch_size=40)
    assert (data.shape, data.classes, data.labels[7]) == ([3, 8, 7], 1000, "007")
    ((pictures, labels),) = data.test_dataloader()
    grey = read_idx(tmp_path / "t10k-images-idx3-ubyte", 3)
    for stack, label in zip(pictures, labels.tolist(), strict=True):
        for channel, digit in zip(stack, f"{label:03}", strict=True):
            inside = (channel[1:-1, 1:-1] * 255).round().byte().numpy()
            places = np.flatnonzero((grey == inside).all((1, 2)))
            assert str(places[0] % 10) == digit
            assert channel.sum() == pytest.approx(float(channel[1:-1, 1:-1].sum()))
    assert len(labels.unique()) > 20


def test_cifar_10_as_torchvision_lays_it(tmp_path, monkeypatch):
    from torchvision.datasets import CIFAR10, cifar

    monkeypatch.setattr(CIFAR10, "_check_integrity", lambda self: True)
    monkeypatch.setattr(cifar, "check_integrity", lambda *_: True)
    folder = tmp_path / CIFAR10.base_folder
    folder.mkdir()
    pixels = np.random.default_rng(0).integers(256, size=(4, 3072), dtype=np.uint8)
    for name, _ in (*CIFAR10.train_list, *CIFAR10.test_list):
        (folder / name).write_bytes(pickle.dumps({"data": pixels, "labels": [0, 1, 2, 9]}))
    (folder / "batches.meta").write_bytes(pickle.dumps({"label_names": [*"abcdefghij"]}))
    data = Pictures(str(tmp_path), known="cifar10", batch_size=4)
    assert (data.title, data.classes, data.shape) == ("CIFAR-10", 10, [3, 32, 32])
    assert {k: len(v) for k, v in data.sets.items()} == {"train": 18, "valid": 2, "test": 4}
    ((pictures, _),) = data.test_dataloader()
    assert torch.equal(pictures, torch.from_numpy(pixels.reshape(4, 3, 32, 32)) / 255)
