"""The face of the technique: what it offers, and how little of it is loaded at a time."""

import subprocess
import sys

import pytest

from zoo import masks

HEAVY = ("tokenizers", "huggingface_hub", "safetensors", "lightning", "matplotlib", "transformers")


@pytest.mark.parametrize(
    ("line", "absent"),
    [
        ("from zoo.masks import causal, text_classifier", HEAVY),
        ("from zoo.masks import Transformer", set(HEAVY) - {"tokenizers"}),
    ],
)
def test_an_import_loads_what_it_needs_alone(line, absent):
    report = f"{line}; import sys; print(*({set(absent)!r} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True)
    assert found.stdout.split() == [], found.stderr
    assert found.returncode == 0, found.stderr


def test_every_name_of_the_face_is_there():
    assert all(callable(getattr(masks, name)) for name in masks.__all__)
