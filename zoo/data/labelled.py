"""Files of labelled texts: one example a line, `text TAB label`."""

from pathlib import Path


def read_text(path: Path) -> str:
    """Read a UTF-8 file.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or not UTF-8; the message has the byte's offset.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}: check the folder given as root")
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8 (byte {error.start}): convert it, e.g. with iconv -t UTF-8"
        ) from None
    if not text.strip():
        raise ValueError(f"{path} is empty: expected lines of text, a TAB and a label")
    return text


def read_labelled(path: Path, labels: list[str]) -> list[tuple[str, int]]:
    """Read the examples of a file, one a line; the label follows the line's last TAB.

    Args:
        path: a UTF-8 file.
        labels: the labels as they are written in the file.

    Returns:
        (text, index of its label in `labels`) for each line.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is empty or not UTF-8, a line has no TAB, or a label is not in `labels`.
    """
    examples = []
    for number, line in enumerate(read_text(path).removesuffix("\n").split("\n"), 1):
        text, tab, label = line.rstrip("\r").rpartition("\t")
        if not tab:
            raise ValueError(f"{path}, line {number}: expected text, a TAB and a label")
        if label not in labels:
            raise ValueError(f"{path}, line {number}: label {label!r} is not one of {labels}")
        examples.append((text, labels.index(label)))
    return examples
