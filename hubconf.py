"""torch.hub entry points: one for each registered model."""

dependencies = ["torch", "numpy", "tokenizers", "safetensors", "huggingface_hub", "yaml"]

import inspect as _inspect  # noqa: E402

import zoo as _zoo  # noqa: E402
from zoo.registry import Entry as _Entry  # noqa: E402


def _entry_point(entry: _Entry):  # noqa: ANN202
    def load(  # noqa: ANN202
        pretrained: bool | str = True,
        revision: str | None = None,
        trainable: bool = False,
        classes: int | None = None,
        **arguments: object,
    ):
        if not pretrained:
            sizes = {} if classes is None else {"classes": classes}
            build = entry.builder()
            try:
                _inspect.signature(build).bind(**arguments, **sizes)
            except TypeError as error:
                raise ValueError(
                    f"{entry.name} with pretrained=False is built by {entry.build}: {error}; give "
                    "all the arguments it needs, or leave out pretrained=False"
                ) from None
            return build(**arguments, **sizes)
        if arguments:
            raise ValueError(f"{sorted(arguments)} may not fit the weights: pass pretrained=False")
        source = entry.name if pretrained is True else pretrained
        model = _zoo.load(source, revision=revision, trainable=trainable, classes=classes)
        if model.config["model"] != entry.name:
            raise ValueError(f"{source} holds {model.config['model']}, not {entry.name}")
        return model

    load.__name__ = entry.name
    load.__doc__ = f"""{entry.summary}

    Args:
        pretrained: true, the default, loads the bundled weights and their preprocessing; a
            checkpoint folder or "org/repo" on the Hugging Face Hub loads those; with false the
            other arguments go to {entry.build.replace(":", ".")}.
        revision: tag, branch or commit of the Hub repository; default its newest.
        trainable: leave the weights trainable; default false.
        classes: of a classifier, give it an untrained head for so many classes, unless it has as
            many; default the head it was trained with.

    Returns:
        torch.nn.Module: with weights, in evaluation mode and frozen unless `trainable`.

    Paper: {entry.paper}
    Post: {entry.post or "none"}
    Licence of the weights: {entry.licence}

    Example:
        model = torch.hub.load("OWNER/kexue-zoo", "{entry.name}", trust_repo=True)
    """
    return load


globals().update({_name: _entry_point(_zoo.describe(_name)) for _name in _zoo.list_models()})
