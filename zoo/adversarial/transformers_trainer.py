"""FGM and PGD in the `Trainer` of `transformers`; importing this file imports that library."""

from contextlib import ExitStack
from functools import wraps
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from zoo.adversarial.loop import LoopStep, install, require_plain
from zoo.adversarial.methods import FGM


class TrainerAttack(TrainerCallback):
    """Train a model of `transformers` at the embeddings that an attack finds.

    The model's `forward` becomes that of the attack while it trains, so the loss has to be the
    model's own, which it computes from its `labels`. Accumulated gradients, mixed precision and
    several processes need nothing more.

    Args:
        attack: `FGM` or `PGD`, with the adversarial loss alone.

    Raises:
        ValueError: if the attack is another one; when training starts, if its pattern matches no
            embedding, or one process has several GPUs; at the first step, if the model returns no
            loss.

    Example:
        >>> from zoo.adversarial import FGM
        >>> callback = TrainerAttack(FGM(epsilon=0.5, embeddings="*word_embeddings"))
    """

    def __init__(self, attack: FGM) -> None:
        require_plain(attack)
        if attack.clean_share:
            raise ValueError("loss is 'both': expected 'adversarial' in the Trainer")
        self.attack = attack
        self._installed = ExitStack()

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: nn.Module | None = None, **kwargs: Any
    ) -> None:
        """Put the attack around the model's `forward`."""
        assert model is not None
        if args.n_gpu > 1:
            raise ValueError(
                f"args.n_gpu is {args.n_gpu}: expected one GPU a process, since the replicas of "
                f"DataParallel know no attack; start by torchrun --nproc-per-node {args.n_gpu}"
            )
        self._installed.close()  # of a run that broke off
        self._installed = install(self.attack, model)
        before, own = vars(model).get("forward"), model.forward

        @wraps(own)
        def forward(*args: Any, **kwargs: Any) -> Any:
            if not (model.training and torch.is_grad_enabled()):
                return own(*args, **kwargs)
            return self.attack.attack(LoopStep(self.attack, model, own, args, kwargs))

        model.forward = forward
        if before is None:
            self._installed.callback(vars(model).pop, "forward", None)
        else:
            self._installed.callback(setattr, model, "forward", before)

    def on_substep_end(self, *args: Any, **kwargs: Any) -> None:
        """Move the embeddings back after a backward."""
        self.attack.place.move(None)

    def on_pre_optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        """Move the embeddings back after the last backward of a step."""
        self.attack.place.move(None)

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """Leave the model as it was before."""
        self._installed.close()
