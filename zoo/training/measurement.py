"""What is measured, and what of it may be written into a checkpoint folder."""

from collections.abc import Collection
from typing import Any

from jsonargparse import Namespace

from zoo import checkpoint
from zoo.training.start import source_folder

# options of the trainer that leave a part of the split out, and their values that leave none
LIMITS: dict[str | None, dict[str, Any]] = {
    "validate": {"limit_val_batches": 1.0, "overfit_batches": 0.0, "fast_dev_run": False},
    "test": {"limit_test_batches": 1.0, "fast_dev_run": False},
    "fit": {"limit_test_batches": 1.0},  # which ends with a test
}


def find_limits(subcommand: str | None, trainer: Namespace) -> list[str]:
    """Return the options by which a part of the split is measured, each as `trainer.KEY is VALUE`.

    Args:
        subcommand: `fit`, `validate` or `test`.
        trainer: the options of the trainer.
    """
    given = {name: (trainer[name], whole) for name, whole in LIMITS.get(subcommand, {}).items()}
    return [
        f"trainer.{name} is {value}"
        for name, (value, whole) in given.items()
        # 1.0 is all batches, 1 is one
        if value is not None and (value != whole or (whole == 1 and not isinstance(value, float)))
    ]


def require_weights(words: Collection[str], name: str) -> None:
    """Refuse to measure a network that nobody trained.

    The `from` of a recipe does not count: that is where a fit starts, not where it ended.

    Args:
        words: the command's.
        name: the model.

    Raises:
        ValueError: if they name no weights.
    """
    if not {word.partition("=")[0] for word in words} & {"--from", "--ckpt_path"}:
        raise ValueError(
            f"the recipe of {name} has no weights: give a model or a checkpoint folder in its "
            "place, --from or --ckpt_path"
        )


def require_recordable(
    subcommand: str | None, options: Namespace, resumed: str | None, limits: list[str]
) -> None:
    """Refuse `--record`, before the work, where the figures are not those of a checkpoint folder.

    Args:
        subcommand: `fit`, `validate` or `test`.
        options: its options.
        resumed: what `--ckpt_path` names.
        limits: what `find_limits` says of them.

    Raises:
        FileNotFoundError: if there is no such folder.
        ValueError: if no folder is measured, or not as it is or not on the whole split.
        PermissionError: if it cannot be written.
    """
    if subcommand != "test" or not options["from"] or resumed or options.reset:
        raise ValueError(
            "record is true: expected `zoo test` of the weights of a checkpoint folder; give one "
            "(zoo test FOLDER --record true), without --ckpt_path and --reset"
        )
    if limits:
        raise ValueError(
            f"record is true and {limits[0]}, so a part of the split is measured: measure all of "
            "it, or leave --record out"
        )
    folder = checkpoint.require_recordable(source_folder(options["from"]))
    if (model := checkpoint.read_config(folder)["model"]) != options.name:
        raise ValueError(
            f"record is true and {options['from']} holds {model}, not {options.name}: give a "
            "checkpoint of it, or leave --record out"
        )
