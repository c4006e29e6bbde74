import hashlib
import subprocess
import sys

import pytest
import torch

from zoo.data.images import FASHION_CLASSES, fashion_sample


@pytest.mark.parametrize(
    ("split", "of_each", "digest"),
    [("train", 200, "6c59094797e4bc9e"), ("test", 50, "8290027af94aca7e")],
)
def test_the_classes_are_balanced_and_the_pixels_known(split, of_each, digest):
    images, labels = fashion_sample(split)
    assert images.shape == (10 * of_each, 1, 28, 28)
    assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
    assert labels.bincount().tolist() == [of_each] * len(FASHION_CLASSES)
    assert hashlib.sha256(images.numpy().tobytes()).hexdigest().startswith(digest)


def test_no_test_image_is_a_training_image():
    train, test = ({i.numpy().tobytes() for i in fashion_sample(s)[0]} for s in ("train", "test"))
    assert not train & test


def test_the_names_fit_the_pictures():
    images, labels = fashion_sample("train")
    means = torch.stack([images[labels == k].double().mean(0)[0] for k in range(10)])
    assert FASHION_CLASSES[means.mean((1, 2)).argmin()] == "Sandal"  # straps fill the least
    assert FASHION_CLASSES[means[:, :, :7].mean((1, 2)).argmin()] == "Trouser"  # the narrowest
    assert FASHION_CLASSES[means[:, :10].mean((1, 2)).argmin()] == "Sneaker"  # the flattest


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="split is 'valid': expected train or test"):
        fashion_sample("valid")  # pyright: ignore[reportArgumentType]


def test_importing_the_module_does_not_import_torch():
    code = "import sys, zoo.data.images; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
