"""What papers and programs call gamma, in the convention of `zoo.gan.terms`."""

# gamma of ours for 1 of theirs
CONVENTIONS = {
    "mescheder": 1.0,  # gamma/2 E |grad D|^2, arXiv 1801.04406, equation 9
    "gan-stability": 2.0,  # its code has no half: reg_param E |grad D|^2
    "stylegan2": 1.0,  # r1_gamma/2 E |grad D|^2
    "r3gan": 1.0,  # gamma/2 (R1 + R2), arXiv 2501.05441
    "wgan-gp": 2.0,  # lambda E (|grad D| - 1)^2, arXiv 1704.00028, equation 3
    "dragan": 2.0,  # lambda E (|grad D| - 1)^2
    "consensus": 1.0,  # gamma/2 |v|^2 by our count: their L is |v|^2/2, their step gamma grad L
    "weight-decay": 1.0,  # torch's: gradient += weight_decay * w
}


def gamma_of(value: float, convention: str, *, pixel_range: float = 2.0) -> float:
    """Convert the strength of a penalty from a paper's or program's convention.

    Args:
        value: theirs.
        convention: a key of `CONVENTIONS`.
        pixel_range: highest less lowest pixel of their pictures; default 2, as of ours, which lie
            in [-1, 1]. A gradient with respect to pixels in [0, 1] is twice that of ours.

    Returns:
        Our gamma. A one-centred penalty cannot be converted between ranges, since its centre moves.

    Raises:
        ValueError: the convention is unknown, or a one-centred one is given another range.

    Example:
        >>> gamma_of(10, "wgan-gp"), gamma_of(10, "gan-stability"), gamma_of(1, "r3gan")
        (20.0, 20.0, 1.0)
        >>> gamma_of(1, "mescheder", pixel_range=1)
        4.0
    """
    if convention not in CONVENTIONS:
        raise ValueError(
            f"convention is {convention!r}: expected one of {', '.join(CONVENTIONS)}; choose one"
        )
    if convention in ("wgan-gp", "dragan") and pixel_range != 2:
        raise ValueError(
            f"pixel_range is {pixel_range}: expected 2 for {convention}, whose centre of one "
            "depends on the range; train on pixels in [-1, 1]"
        )
    of_inputs = convention not in ("consensus", "weight-decay")
    return CONVENTIONS[convention] * value * ((2 / pixel_range) ** 2 if of_inputs else 1)
