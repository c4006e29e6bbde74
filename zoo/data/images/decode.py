"""One picture from a file or from bytes, whatever its kind, or why it cannot be had."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

# those of `zoo.data.images.folder.SUFFIXES`; Pillow hands others, such as PostScript, to programs
KINDS = ("PNG", "JPEG", "JPEG2000", "WEBP", "BMP", "DIB", "GIF", "TIFF", "PPM", "TGA")
SMALLEST = 2  # pixels a side: a picture of one pixel shows nothing


def open_picture(source: str | Path | bytes) -> Image:
    """Return a picture upright, in grey (mode L) or in colour (mode RGB), 8 bits a channel.

    Turned as its EXIF says; 16 bits are scaled to 8; palettes are looked up; what is transparent
    is laid on white; of several frames the first is taken.

    Args:
        source: a file, or the bytes of one.

    Raises:
        ValueError: saying what is wrong, without the name: no picture, cut short, more than 89
            million pixels (Pillow's limit, found before anything is decoded), under 2 pixels a
            side, or of a kind without a fixed range.
        OSError: if the file cannot be read.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    content = source if isinstance(source, bytes) else Path(source).read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(BytesIO(content), formats=KINDS)
            if min(picture.size) < SMALLEST:
                raise ValueError(f"{picture.width}x{picture.height} pixels: expected at least 2x2")
            return to_eight_bits(ImageOps.exif_transpose(picture))
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            limit = Image.MAX_IMAGE_PIXELS
            raise ValueError(f"more than {limit:,} pixels: make it smaller") from None
        except UnidentifiedImageError:
            raise ValueError(f"no picture of a known kind: {', '.join(KINDS)}") from None
        except ValueError:
            raise
        except Exception as error:  # decoders of damaged files raise anything
            line = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(f"damaged: {line}") from error


def to_eight_bits(picture: Image) -> Image:
    """Bring any of Pillow's modes to L or RGB."""
    from PIL import Image

    mode = picture.mode
    if mode.startswith("I"):  # 16 bits, which Pillow's own conversion would cut at 255
        values = np.asarray(picture).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"values from {values.min()} to {values.max()}: expected 16 bits")
        return Image.fromarray((values / 257).round().astype(np.uint8))
    if mode == "F":
        raise ValueError("values are floats without a fixed range: save it with 8 or 16 bits")
    if mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("L" if mode in ("1", "L", "LA", "La") else "RGB")
