"""Training from recipes: `zoo fit`, `zoo validate` and `zoo test`."""

import logging
import signal
import sys
import warnings

from jsonargparse import set_parsing_settings
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.utilities.exceptions import SIGTERMException

from zoo.callbacks.random_state import RandomState
from zoo.callbacks.run_guard import RunGuard
from zoo.callbacks.train_log import TrainLog
from zoo.errors import one_line
from zoo.optim.precision import PrecisionRecord
from zoo.training.cli import ZooCLI
from zoo.training.recipes import admit_recipes, expand
from zoo.training.start import forget


def fit(words: list[str]) -> None:
    """Run `zoo fit`; see `run`."""
    run(["fit", *words])


def validate(words: list[str]) -> None:
    """Run `zoo validate`; see `run`."""
    run(["validate", *words])


def test(words: list[str]) -> None:
    """Run `zoo test`; see `run`."""
    run(["test", *words])


def run(arguments: list[str]) -> None:
    """Run `fit`, `validate` or `test`.

    Args:
        arguments: the subcommand, a recipe or model, and LightningCLI's options.

    Raises:
        ValueError: if an option, a key of the recipe or a value is wrong.
        FileNotFoundError: if a recipe, a checkpoint or data is not there.
    """
    forget()
    try:
        start(expand(arguments))
    except SIGTERMException as stop:  # without a code its exit status would be 0
        sys.exit(stop.code or 128 + signal.SIGTERM)
    except SystemExit as stop:
        if stop.code == 1:  # Lightning's, on Ctrl-C
            raise KeyboardInterrupt from stop
        raise
    except MisconfigurationException as error:  # which is no ValueError
        raise ValueError(
            f"these options of the trainer do not work here: {one_line(error)} "
            "(--trainer.accelerator auto and --trainer.devices auto take what there is)"
        ) from error


def assemble(options: list[str]) -> ZooCLI:
    """Build the model, the data and the trainer of a recipe, and run nothing.

    Args:
        options: LightningCLI's, such as `--config recipe.yaml`.

    Returns:
        An object with the attributes `model`, `datamodule` and `trainer`.
    """
    forget()
    return start(admit_recipes(options), run=False)


def start(arguments: list[str], run: bool = True) -> ZooCLI:
    """Build the command line that `run` and `assemble` share."""
    quiet()
    set_parsing_settings(config_read_mode_fsspec_enabled=False)  # Lightning reads addresses too
    strict = {"exit_on_error": False, "allow_abbrev": False}
    subcommands = {"fit": strict, "validate": strict, "test": strict} if run else {}
    return ZooCLI(
        LightningModule,
        LightningDataModule,
        subclass_mode_model=True,
        subclass_mode_data=True,
        seed_everything_default=0,
        trainer_defaults={"callbacks": [RandomState(), TrainLog(), PrecisionRecord(), RunGuard()]},
        save_config_callback=None,  # the checkpoint folder has the resolved recipe
        parser_kwargs={**strict, **subcommands},
        args=arguments,
        run=run,
    )


def quiet() -> None:
    """Silence advertisements and advice that do not concern the user of a recipe."""
    warnings.filterwarnings("ignore", message=".*args parameter is intended to run.*")
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*is smaller than the logging interval.*")
    warnings.filterwarnings("ignore", message=".*is not supported by the model summary.*")
    warnings.filterwarnings("ignore", message="Using ModelCheckpoint with manual optimization.*")
    warnings.filterwarnings("ignore", message=".*`tensorboardX` has been removed.*")
    warnings.filterwarnings("ignore", message=".*LeafSpec.* is deprecated.*")
    for name in ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.seed"):
        logging.getLogger(name).setLevel(logging.WARNING)
