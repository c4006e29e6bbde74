"""torch.hub entry points: one for each registered model."""

dependencies = ["torch", "safetensors", "huggingface_hub", "yaml"]

import zoo as _zoo  # noqa: E402
from zoo.registry import Entry as _Entry  # noqa: E402


def _entry_point(entry: _Entry):  # noqa: ANN202
    def load(pretrained: bool = True, trainable: bool = False, **arguments):  # noqa: ANN003, ANN202
        if pretrained:
            if arguments:
                raise ValueError(
                    f"{sorted(arguments)} would not fit the weights: pass pretrained=False"
                )
            return _zoo.load(entry.name, trainable=trainable)
        return entry.builder()(**arguments)

    load.__name__ = entry.name
    load.__doc__ = f"""{entry.summary}

    Args:
        pretrained: load the bundled weights and their preprocessing; default true. With false,
            the other arguments go to {entry.build.replace(":", ".")}.
        trainable: leave the weights trainable; default false.

    Returns:
        torch.nn.Module in evaluation mode.

    Paper: {entry.paper}
    Post: {entry.post}
    Licence of the weights: {entry.licence}

    Example:
        model = torch.hub.load("OWNER/kexue-zoo", "{entry.name}", trust_repo=True)
    """
    return load


globals().update({_name: _entry_point(_zoo.describe(_name)) for _name in _zoo.list_models()})
