"""The embedded files against their sources, where those are at hand."""

import gzip
import os
from collections import Counter
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from zoo.data.images import fashion_sample
from zoo.data.poems import load_poems
from zoo.data.samples import make_fashion

SAMPLES = Path(str(files("zoo.data") / "samples"))
FASHION = Path(os.environ.get("ZOO_FASHION_MNIST", "/usr/share/datasets/fashion-mnist"))
POETRY = os.environ.get("ZOO_CHINESE_POETRY")

needs_poetry = pytest.mark.skipif(
    POETRY is None, reason="ZOO_CHINESE_POETRY does not name a folder of npm chinese-poetry 2.0.1"
)
needs_fashion = pytest.mark.skipif(
    not FASHION.is_dir(), reason=f"no Fashion-MNIST in {FASHION} (Debian dataset-fashion-mnist)"
)


def test_all_samples_together_weigh_at_most_four_megabytes():
    assert sum(f.stat().st_size for f in SAMPLES.rglob("*") if f.is_file()) <= 4_000_000


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("chinese-poetry", "2016 JackeyGao"),
        ("fashion-mnist", "2017 Zalando SE"),
        ("pypinyin", "2016 mozillazg"),
    ],
)
def test_the_licences_are_kept(name, holder):
    text = (SAMPLES / f"LICENSE.{name}").read_text(encoding="utf-8")
    assert "MIT License" in text
    assert holder in text
    assert "shall be included in" in text


@pytest.mark.slow
@needs_poetry
def test_the_poems_are_remade_byte_for_byte(tmp_path):
    make_poems = pytest.importorskip("zoo.data.samples.make_poems", reason="needs opencc")
    make_poems.main(["--package", POETRY, "--sample", str(tmp_path / "poems.tsv.gz")])
    made, kept = (folder / "poems.tsv.gz" for folder in (tmp_path, SAMPLES))
    assert gzip.decompress(made.read_bytes()) == gzip.decompress(kept.read_bytes())
    assert made.read_bytes() == kept.read_bytes()


@pytest.mark.slow
@needs_poetry
def test_the_full_file_holds_the_sample_and_splits_the_poets_alike(tmp_path):
    make_poems = pytest.importorskip("zoo.data.samples.make_poems", reason="needs opencc")
    make_poems.main(["--package", POETRY, "--full", str(tmp_path / "all.tsv.gz")])
    full, sample = load_poems(tmp_path / "all.tsv.gz"), load_poems()
    assert len(full) > 200_000
    assert set(sample) <= set(full)
    assert len({p.text for p in full}) == len(full)
    assert max(Counter(poet for poet, _ in {(p.author, p.split) for p in full}).values()) == 1
    trained = {p.author for p in full if p.split == "train"}
    assert trained.isdisjoint(p.author for p in sample if p.split != "train")


@needs_fashion
@pytest.mark.parametrize(("split", "original"), [("train", "train"), ("test", "t10k")])
def test_every_image_is_an_original_with_its_label(split, original):
    def values(part, header):
        return np.frombuffer(
            gzip.decompress((FASHION / f"{original}-{part}-ubyte.gz").read_bytes())[header:],
            np.uint8,
        )

    known = zip(
        (image.tobytes() for image in values("images-idx3", 16).reshape(-1, 784)),
        values("labels-idx1", 8).tolist(),
        strict=True,
    )
    images, labels = fashion_sample(split)
    ours = zip((i.numpy().tobytes() for i in images), labels.tolist(), strict=True)
    assert set(ours) <= set(known)


@needs_fashion
def test_the_images_are_remade_byte_for_byte(tmp_path):
    make_fashion.main(["--source", str(FASHION), "--sample", str(tmp_path / "fashion.npz")])
    assert (tmp_path / "fashion.npz").read_bytes() == (SAMPLES / "fashion.npz").read_bytes()
