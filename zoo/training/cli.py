"""LightningCLI with fine-tuning, resuming and checkpoint folders."""

import functools
import shlex
from itertools import chain
from pathlib import Path
from typing import Any, Literal

from jsonargparse import Namespace
from lightning.pytorch import LightningDataModule, LightningModule
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.utilities import rank_zero_only
from torch.optim import Optimizer

from zoo import checkpoint, hub, registry
from zoo.callbacks.sample_grid import SampleGrid
from zoo.callbacks.train_log import TrainLog
from zoo.checkpoint import card
from zoo.layers.batch_norm import normalise_over_processes
from zoo.optim.precision import choose_precision, saved_precision
from zoo.training import resume
from zoo.training.measurement import find_limits, require_recordable, require_weights
from zoo.training.optimizers import counting, require_one_optimizer, reschedule
from zoo.training.recipes import data_options
from zoo.training.report import commit, show, tell
from zoo.training.start import (
    descent,
    foreign_net,
    origin,
    preprocess_file,
    require_labels,
    source_folder,
    start_folder,
)

FOLDER = "FOLDER"  # in the command of a figure: the checkpoint folder, wherever it is put
HEAD = "head"  # of `--reset`: the layers that know the labels
# what belongs to one run, not to the recipe that a checkpoint folder keeps
RUN_KEYS = ("config", "ckpt_path", "weights_only", "verbose", "output", "record", "reset", "trust")
# what a network may need to know of its data, and what it is where the data do not say
SIZES = {"vocabulary": None, "classes": None, "padding": 0, "shape": None}


def size_of(data: LightningDataModule, name: str, default: int | None = None) -> int | None:
    """Return a number that the model may need and the data may have, such as `classes`."""
    return getattr(data, name, default)


class ZooCLI(LightningCLI):
    """LightningCLI whose runs start from checkpoint folders and end in one."""

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        """Add what the zoo's recipes have beyond Lightning's."""
        parser.add_argument("--name", type=str, required=True, help="the registered model")
        parser.add_argument(
            "--from",
            type=str | None,
            default=None,
            help="start from the weights of a registered model, a folder or org/repo on the Hub; "
            "for masks also from a BERT of transformers",
        )
        parser.add_argument(
            "--reset",
            type=str,
            nargs="*",
            default=[],
            help="layers that start afresh; head stands for those that know the labels",
        )
        parser.add_argument(
            "--output",
            type=str | None,
            default=None,
            help="the checkpoint folder to write; default: `checkpoint` in the run's folder",
        )
        parser.add_argument(
            "--record",
            type=bool,
            default=False,
            help="zoo test: write the figures into the folder's metrics and card",
        )
        parser.add_argument(
            "--trust",
            action="store_true",
            help="take all that the recipe of a checkpoint folder or repository names: it may then "
            "run any code on this machine; default: plain values only (SECURITY.md)",
        )
        parser.add_argument(
            "--precision",
            type=Literal["auto"] | None,
            default=None,
            help="auto: where trainer.precision is not given, bf16 if the processor has it",
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.set_defaults({"checkpoint.save_last": True})
        self.link(parser)

    def link(self, parser: LightningArgumentParser) -> None:
        """Give data and model what the recipe or the data say once."""
        for part in ("data", "model"):  # the seed of the order, that of the noise of a step
            parser.link_arguments("seed_everything", f"{part}.init_args.seed", compute_fn=int)
        parser.link_arguments(
            ("from", "name"), "data.init_args.preprocess", compute_fn=preprocess_file
        )
        for size, default in SIZES.items():
            parser.link_arguments(
                "data",
                f"model.init_args.{size}",
                compute_fn=functools.partial(size_of, name=size, default=default),
                apply_on="instantiate",
            )

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        """Parse, and keep the words for the command that metrics.json names."""
        self.arguments: list[str] = args
        super().parse_arguments(parser, args)
        # LightningCLI would put the arguments that the file holds above those of the recipe
        command = self.config.get("subcommand")
        self.resume = self.config[command].pop("ckpt_path", None) if command else None

    @property
    def options(self) -> Namespace:
        """The configuration of the subcommand that runs, if one does."""
        return self.config[self.subcommand] if self.subcommand else self.config

    @property
    def features(self) -> str | None:
        """The checkpoint whose features measure what the model makes, if it has one."""
        features = getattr(self.model, "features", None)
        return features if isinstance(features, str) else None

    def before_instantiate_classes(self) -> None:
        """Give a fit its folder, `runs/NAME/version_N`, and find the checkpoint to resume."""
        registry.describe(self.options.name)
        self.take_shape()
        if self.options.get("output"):
            checkpoint.require_replaceable(self.options.output)
        trainer = self.options.trainer
        if self.resume:
            self.options.ckpt_path = self.resume_file(self.resume)
        runs = Path(trainer.default_root_dir or "runs")
        self.limits = find_limits(self.subcommand, trainer)
        if self.options.record:
            require_recordable(self.subcommand, self.options, self.resume, self.limits)
        if self.subcommand in ("validate", "test"):
            require_weights(self.arguments, self.options.name)
            trainer.logger = False
        elif trainer.logger in (None, True):
            trainer.logger = Namespace(
                class_path="lightning.pytorch.loggers.CSVLogger",
                init_args=Namespace(save_dir=str(runs), name=self.options.name),
            )
        for limit in self.limits:  # the recipe may be a stranger's
            tell(f"{limit}: what is measured is a part of the split")
        self.choose_precision()

    def resume_file(self, source: str) -> str:
        """Return the file to resume from that `--ckpt_path` names, checked; nobody read it yet."""
        if source == "last":
            runs = Path(self.options.trainer.default_root_dir or "runs")
            source = str(resume.last_checkpoint(runs / self.options.name))
        resume.require_resumable(source, self.options.model.class_path)
        return source

    def choose_precision(self) -> None:
        """Fill in the precision that a recipe leaves to the processor, or to the resumed run."""
        trainer = self.options.trainer
        self.chooses_precision = self.options.precision == "auto" and trainer.precision is None
        if self.chooses_precision:
            resumed = Path(self.options.get("ckpt_path") or "")
            saved = saved_precision(resumed) if resumed.is_file() else None
            trainer.precision = saved or choose_precision(trainer.accelerator)
            tell(f"precision: {trainer.precision}" + (", as it began" if saved else ""))

    def take_shape(self) -> None:
        """Give the network the shape of a checkpoint that is not the zoo's, whatever the recipe's.

        Which is then in the recipe that the checkpoint folder keeps.
        """
        source, name = self.options["from"], self.options.name
        net = foreign_net(source, name) if source else None
        if net is not None:
            shape = {argument: net.arguments[argument] for argument in net.SHAPE}
            self.options.model.init_args.update(Namespace(shape))

    @staticmethod
    def configure_optimizers(
        lightning_module: LightningModule, optimizer: Optimizer, lr_scheduler: Any = None
    ) -> Any:
        """Return the optimiser and schedule of the options, see `counting`."""
        if lr_scheduler is None:
            return optimizer
        return [optimizer], [counting(lightning_module, lr_scheduler)]

    def instantiate_classes(self) -> None:
        """Build data, model and trainer; load the weights named by `--from`.

        Batch norms over all processes are our own, which run on CPU too.
        """
        synchronised = self.options.trainer.sync_batchnorm
        self.options.trainer.sync_batchnorm = False
        super().instantiate_classes()
        for size in SIZES:  # Lightning saves as a hyperparameter what the class does not take, too
            if size not in self.options.model.init_args:
                self.model.hparams.pop(size, None)
        if synchronised:
            normalise_over_processes(self.model)
            self.options.trainer.sync_batchnorm = True  # for the recipe that is kept
        if self.options.get("optimizer"):
            require_one_optimizer(self.model)
        elif self.options.get("lr_scheduler"):
            reschedule(self.model, self.options.lr_scheduler)
        for remark in getattr(self.datamodule, "remarks", list)():
            tell(remark)
        if self.options["from"]:
            source, name = self.options["from"], self.options.name
            fresh = getattr(foreign_net(source, name), "FRESH", ())
            knowing = self.label_layers() or [HEAD]
            given = [knowing if layer == HEAD else [layer] for layer in self.options.reset]
            reset = [*chain.from_iterable(given), *fresh]
            if not set(self.label_layers()) <= set(reset):
                require_labels(source, name, getattr(self.datamodule, "labels", None))
            checkpoint.start_from(self.model.net, start_folder(source, name), reset)
        if self.features:
            self.model.measure_with(hub.load(self.features))

    def label_layers(self) -> list[str]:
        """Return the layers of the network that know the labels; none if labels are nothing to it.

        A module says so by an attribute of this name; a classifier has a head.
        """
        return getattr(self.model, "label_layers", [HEAD])

    def before_fit(self) -> None:
        """Measure a model that is to be fine-tuned; look for what will be measured in the end."""
        if not self.trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            self.require_test_split()
        fine_tunes = self.options["from"] and not self.resume
        self.before = self.evaluate() if fine_tunes else {}

    def after_fit(self) -> None:
        """Write the trained model's checkpoint folder, measure it, write and print the figures."""
        if self.trainer.fast_dev_run:  # pyright: ignore[reportAttributeAccessIssue]
            return
        output = Path(self.options.output or Path(self.trainer.log_dir or ".") / "checkpoint")
        self.write(output, {})  # first: the measuring may go wrong
        after = self.evaluate()
        if after:
            self.write(output, after)
        if self.features:
            tell(card.FEATURES.format(self.features))
        show({"before": self.before, "after": after} if self.before else {"after": after})
        tell(f"checkpoint folder: {output}")

    def after_test(self) -> None:
        """Say what distances are measured on; record the figures in the folder, if asked to."""
        if self.features:
            tell(card.FEATURES.format(self.features))
        if self.options.record and self.trainer.is_global_zero:
            folder = source_folder(self.options["from"])
            metrics = {k: float(v) for k, v in self.trainer.callback_metrics.items()}
            source = self.options["from"]
            subject = source if source in registry.list_models() else FOLDER
            checkpoint.record(folder, self.results(metrics, subject))
            tell(f"recorded in {folder}")

    @rank_zero_only
    def require_test_split(self) -> None:
        """Read the test split, so that an error of its data comes before the training."""
        self.datamodule.prepare_data()
        self.datamodule.setup("test")
        self.datamodule.test_dataloader()

    def evaluate(self) -> dict[str, float]:
        """Return the metrics of the model on the test split; none if no batch is to be tested."""
        found = self.trainer.test(self.model, self.datamodule, verbose=False)
        return dict(found[0]) if found else {}

    def results(self, metrics: dict[str, float], model: str) -> list[dict[str, Any]]:
        """Return the rows of metrics.json for figures on the test split."""
        about = {
            "split": "part of test" if self.limits else "test",
            "data": self.datamodule.title,
            "seed": self.options.seed_everything,
            "command": shlex.join(["zoo", "test", model, *data_options(self.arguments)[0]]),
            "commit": commit(),
        }
        if self.features:
            about["features"] = self.features
        return [{"metric": metric, "value": value, **about} for metric, value in metrics.items()]

    @rank_zero_only
    def write(self, output: Path, metrics: dict[str, float]) -> None:
        """Write the checkpoint folder of a finished run."""
        callbacks = self.trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        log = next(c for c in callbacks if isinstance(c, TrainLog))
        source = self.options["from"]
        own = getattr(self.datamodule, "replaces_corpus", False)
        checkpoint.save(
            output,
            name=self.options.name,
            model=self.model.net,
            arguments=self.model.arguments,
            preprocess=getattr(self.datamodule, "preprocess", None),
            labels=getattr(self.datamodule, "labels", None) if self.label_layers() else None,
            data=self.datamodule.title if own else None,
            origin=origin(source, self.options.name) if source else None,
            derived=descent(source, self.options.name) if source else None,
            recipe=self.recipe(),
            metrics=self.results(metrics, FOLDER),
            log=log.rows,
            attachments=getattr(self.datamodule, "attachments", None),
            pictures=self.pictures,
        )

    @functools.cached_property
    def pictures(self) -> dict[str, bytes]:
        """The pictures that the callbacks draw of the trained network."""
        callbacks = self.trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
        drawn = [c.pictures(self.model.net) for c in callbacks if isinstance(c, SampleGrid)]
        return {name: content for pictures in drawn for name, content in pictures.items()}

    def recipe(self) -> str:
        """Return the fully resolved recipe as YAML."""
        config = self.options.clone()
        for key in RUN_KEYS:
            config.pop(key, None)
        config.trainer.logger = config.trainer.default_root_dir = None
        if self.chooses_precision:
            config.trainer.precision = None
        return self._parser(self.subcommand).dump(config, skip_check=True)
