"""The arguments that a network was built with, which a checkpoint keeps to build it again."""

from typing import Any


def built_with(own: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a constructor by name, defaults included.

    Args:
        own: its `locals()`, before it has assigned anything.

    Example:
        >>> class Net:
        ...     def __init__(self, width, depth=2):
        ...         self.arguments = built_with(locals())
        >>> Net(8).arguments
        {'width': 8, 'depth': 2}
    """
    return {name: own[name] for name in own if name not in ("self", "__class__")}
