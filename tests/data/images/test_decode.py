"""One picture of every kind."""

import struct
import subprocess
import zlib
from contextlib import suppress

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from zoo.data.images import PicturePreprocess
from zoo.data.images.decode import open_picture


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path):
    values = np.array([[0, 257], [32_896, 65_535]], np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert np.array(open_picture(tmp_path / "a.png")).tolist() == [[0, 1], [128, 255]]


def test_a_palette_is_looked_up_and_what_is_transparent_is_white(tmp_path):
    paletted = Image.new("RGB", (4, 4), (200, 10, 10)).quantize(4)
    paletted.save(tmp_path / "p.png")
    assert open_picture(tmp_path / "p.png").getpixel((1, 1)) == (200, 10, 10)
    Image.new("RGBA", (4, 4), (0, 0, 0, 0)).save(tmp_path / "t.png")
    assert open_picture(tmp_path / "t.png").getpixel((1, 1)) == (255, 255, 255)
    Image.new("LA", (4, 4), (0, 0)).save(tmp_path / "l.png")
    assert open_picture(tmp_path / "l.png").getpixel((1, 1)) == 255


def test_exif_turns_a_picture_upright(tmp_path):
    image = Image.new("RGB", (6, 4), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x112] = 6  # a quarter to the right
    image.save(tmp_path / "a.png", exif=exif)
    upright = open_picture(tmp_path / "a.png")
    assert upright.size == (4, 6)
    assert upright.getpixel((3, 0)) == (255, 255, 255)


def test_twenty_thousand_pixels_a_side_are_refused_before_they_are_decoded(tmp_path):
    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes(1000))
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    (tmp_path / "huge.png").write_bytes(png)
    with pytest.raises(ValueError, match="more than 89,478,485 pixels: make it smaller"):
        open_picture(tmp_path / "huge.png")


@given(
    st.binary(max_size=200),
    st.sampled_from([b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM"]),
)
@settings(max_examples=200)
def test_any_bytes_are_a_picture_or_a_valueerror(body, begin):
    with suppress(ValueError):
        assert open_picture(begin + body).mode in ("L", "RGB")


def test_preprocess_brings_every_kind_to_one_shape(tmp_path):
    Image.new("RGB", (40, 20), (255, 0, 0)).save(tmp_path / "图.png")
    preprocess = PicturePreprocess(10, 10, 3, padding=1, low=-1.0, high=1.0)
    kinds = [
        str(tmp_path / "图.png"),
        tmp_path / "图.png",
        Image.new("L", (7, 9), 255),
        np.zeros((1, 4, 4), np.uint8),
        torch.ones(3, 10, 10),
    ]
    made = preprocess(kinds)
    assert made.shape == (5, *preprocess.shape) == (5, 3, 12, 12)
    assert made[0, :, 5, 5].tolist() == [1, -1, -1]
    assert [float(m[0, 5, 5]) for m in made[2:]] == [1, -1, 1]
    assert (made[:, :, 0] == -1).all()
    assert PicturePreprocess.from_dict(preprocess.to_dict()) == preprocess
    assert preprocess([]).shape == (0, 3, 12, 12)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        (np.zeros((4, 4), np.uint8), r"picture 0 has shape \(4, 4\): expected \(1 or 3, height"),
        (np.full((1, 4, 4), 7.0), r"picture 0 has float64 values: expected uint8, or floats"),
        (np.full((1, 4, 4), np.nan), "picture 0 has float64 values"),
    ],
)
def test_a_picture_of_another_form_is_refused(picture, sentence):
    with pytest.raises(ValueError, match=sentence):
        PicturePreprocess(4, 4, 1)([picture])


@pytest.mark.parametrize("shape", [(2, 1, 4, 4), (2, 1, 5, 4)])
@pytest.mark.parametrize(
    ("value", "kind"),
    [(7, torch.int64), (255.0, torch.float32), (torch.nan, torch.float32), (-0.1, torch.float32)],
)
def test_tensors_of_any_size_are_checked_alike(shape, value, kind):
    pictures = torch.zeros(shape, dtype=kind)
    pictures[1, 0, 2, 2] = value
    place = int(kind.is_floating_point)  # whole numbers are none of them right
    name = str(kind).removeprefix("torch.")
    with pytest.raises(ValueError, match=f"picture {place} has {name} values: expected uint8, or"):
        PicturePreprocess(4, 4, 1)(pictures)


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16, torch.float16])
def test_a_tensor_with_a_gradient_or_of_half_precision_is_a_picture(kind):
    picture = torch.ones(1, 6, 6, dtype=kind, requires_grad=True)
    assert (PicturePreprocess(4, 4, 1)([picture]) == 1).all()


@pytest.mark.parametrize("mode", ["L", "1"])
def test_a_grey_picture_with_a_transparent_level_stays_grey(tmp_path, mode):
    Image.new(mode, (4, 4), 0).save(tmp_path / "a.png", transparency=0)
    found = open_picture(tmp_path / "a.png")
    assert (found.mode, found.getpixel((1, 1))) == ("L", 255)


@pytest.mark.parametrize("wrong", [{"channels": 2}, {"height": 0}, {"low": 1.0}, {"padding": -1}])
def test_a_preprocessing_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError, match="expected"):
        PicturePreprocess(**{"height": 4, "width": 4, "channels": 1, **wrong})


def test_postscript_is_handed_to_nobody(tmp_path, monkeypatch):
    """Pillow lets Ghostscript draw it, whatever the name of the file."""
    monkeypatch.setattr(subprocess, "Popen", None)
    path = tmp_path / "a.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\nshowpage\n")
    assert Image.open(path).format == "EPS"
    with pytest.raises(ValueError, match="no picture of a known kind"):
        open_picture(path)
