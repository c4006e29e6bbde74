"""What an error says, on one line."""


def one_line(error: BaseException) -> str:
    """Return an error's message on one line; its class's name if it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def reason(error: OSError) -> str:
    """Return the system's words for an error, without its number and path."""
    return (error.strerror or one_line(error)).lower()
