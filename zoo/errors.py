"""What an error says, on one line."""

from pathlib import Path


def one_line(error: BaseException) -> str:
    """Return an error's message on one line; its class's name if it has none.

    Of an error of the system: the file's name and the system's words, without its number.
    """
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str | Path):
        return f"{error.filename or repr('')}: {reason(error)}"
    return " ".join(str(error).split()) or type(error).__name__


def reason(error: OSError) -> str:
    """Return the system's words for an error, without its number and path."""
    return (error.strerror or one_line(error)).lower()
