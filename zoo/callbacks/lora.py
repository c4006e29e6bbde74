"""Fine-tuning of low-rank adapters in place of a whole network."""

from fnmatch import fnmatchcase

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import nn

from zoo.layers.low_rank import add_adapters, merge_adapters


class LoRA(Callback):
    """Train low-rank updates of a module's linear layers, with all else frozen (arXiv 2106.09685).

    Checkpoints of a run hold the adapters, for an exact resume. When training ends they are merged
    into the weights, so that the checkpoint folder is that of the plain network. Adapters want a
    higher learning rate than whole layers, about ten times as high.

    Args:
        rank: of the updates; default 8.
        alpha: their strength: an update is alpha / rank times the product of its two matrices;
            default 16.
        layers: glob on the names of the `nn.Linear` layers, such as `*query_key_value`; default
            `net.encoder.*`, those of the encoder.
        whole: glob on the names of parameters that train as they are; default `net.head.*`, since
            a classifier's head is new.

    Raises:
        ValueError: when the fit starts, if no layer matches.

    Example:
        >>> from lightning.pytorch import Trainer
        >>> trainer = Trainer(callbacks=[LoRA(rank=4)], logger=False, accelerator="cpu")
    """

    def __init__(
        self,
        rank: int = 8,
        alpha: float = 16.0,
        layers: str = "net.encoder.*",
        whole: str = "net.head.*",
    ) -> None:
        self.rank, self.alpha, self.layers, self.whole = rank, alpha, layers, whole
        self._frozen: list[nn.Parameter] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Add the adapters, before the optimizer is made and a checkpoint is restored."""
        if stage != "fit":
            return
        self._frozen = [
            p
            for name, p in pl_module.named_parameters()
            if p.requires_grad and not fnmatchcase(name, self.whole)
        ]
        add_adapters(pl_module, self.rank, self.alpha, self.layers)
        for parameter in self._frozen:
            parameter.requires_grad_(False)

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Merge the adapters; the last checkpoint is written by now."""
        merge_adapters(pl_module)
        for parameter in self._frozen:
            parameter.requires_grad_(True)
        self._frozen = []
