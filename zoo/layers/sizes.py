"""What counts as a size of a network: a number of channels, layers or classes."""

from typing import Any


def require_sizes(least: int = 1, **sizes: Any) -> None:
    """Refuse what is no size, before a network is built of it.

    Stricter than `zoo.errors.require_whole`: a checkpoint keeps sizes as JSON, which has no NumPy.

    Args:
        least: the smallest size; default 1.
        **sizes: by the names that the error gives them.

    Raises:
        ValueError: naming the first that is no whole number, or too small.
    """
    for name, size in sizes.items():
        if type(size) is not int or size < least:
            raise ValueError(f"{name} is {size!r:.80}: expected a whole number from {least} on")


def require_shape(shape: Any) -> None:
    """Refuse what is no shape of a picture: channels, height and width.

    Raises:
        ValueError: if it is not three sizes.
    """
    if not isinstance(shape, list | tuple) or len(shape) != 3:
        raise ValueError(f"shape is {shape!r:.80}: expected channels, height and width")
    require_sizes(**dict(zip(("channels", "height", "width"), shape, strict=True)))
