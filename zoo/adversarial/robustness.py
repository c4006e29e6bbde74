"""What adversarial training bought: accuracy under attacks of growing strength."""

import math
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.adversarial.losses import Norm
from zoo.adversarial.places import Input, Place
from zoo.adversarial.places import Sequence as SequencePlace
from zoo.adversarial.text_edits import EDITS
from zoo.errors import require_whole
from zoo.layers.evaluation import in_evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes

EPSILONS = (0.0, 0.1, 0.3, 1.0, 3.0)  # of the shift of a text's embeddings
PIXELS = (0.0, 0.025, 0.05, 0.1, 0.2)  # of the shift of each pixel
SHARES = (0.0, 0.05, 0.1, 0.2, 0.4)  # of the edited characters


@dataclass(frozen=True)
class Robustness:
    """Accuracy under attacks.

    Attributes:
        accuracy: for each attack, accuracy from 0 to 1 at each strength.
        examples: how many there were.
        silent: share of the examples whose gradient was zero where it was measured: masked
            gradients look like robustness.
    """

    accuracy: dict[str, dict[float, float]]
    examples: int
    silent: float

    def __str__(self) -> str:
        """Return a Markdown table, an attack a row."""
        lines = []
        for attack, by_strength in self.accuracy.items():
            lines.append(f"| {attack} at | {' | '.join(f'{s:g}' for s in by_strength)} |")
            lines.append(f"|{'---|' * (len(by_strength) + 1)}")
            lines.append(f"| accuracy | {' | '.join(f'{a:.4f}' for a in by_strength.values())} |\n")
        return "\n".join(lines)

    def plot(self, axes: "Axes | None" = None) -> "Axes":
        """Draw a curve for each attack, its strengths from left to right."""
        if axes is None:
            from matplotlib import pyplot

            axes = pyplot.subplots()[1]
        for attack, by_strength in self.accuracy.items():
            axes.plot(range(len(by_strength)), list(by_strength.values()), "o-", label=attack)
        axes.set(xlabel="strength, from none on", ylabel="accuracy", ylim=(0, 1))
        axes.legend()
        return axes


def robustness(
    model: nn.Module,
    data: Iterable[tuple[Any, int | str]],
    attacks: Sequence[str] = ("pgd", "swap", "drop"),
    *,
    strengths: Sequence[float] | None = None,
    steps: int = 20,
    norm: Norm | None = None,
    bounds: tuple[float, float] = (0.0, 1.0),
    embeddings: str = "*",
    batch_size: int = 64,
    seed: int = 0,
) -> Robustness:
    """Measure a classifier's accuracy under attacks, in evaluation mode.

    Args:
        model: gives logits, float (batch, classes). For texts it has `preprocess`, texts to token
            ids, as a model of `zoo.load` has.
        data: pairs of a text, or a picture float (channels, height, width), and its label: a
            number, or a name in `model.labels`.
        attacks: `pgd` shifts the embeddings of a text, or the pixels of a picture, in `steps`
            steps of 2.5 times the strength in all; `swap`, `drop` and `homophone` edit texts.
        strengths: of all attacks; default growing ones: the norm of the shift of a text's
            embeddings, of each pixel of a picture, or the share of edited characters.
        steps: of `pgd`; default 20.
        norm: of the shift; default l2 for texts and linf for pictures.
        bounds: of the pixels; default 0 and 1.
        embeddings: glob pattern on the names of the embedding layers to shift; default all.
        batch_size: examples at a time; default 64.
        seed: of the edits, which are the same for every model.

    Raises:
        ValueError: if there are no data, an attack or a label is unknown or does not fit the
            data, or a number is out of range, such as a strength.

    Example:
        >>> import zoo
        >>> from zoo.adversarial import robustness
        >>> model = zoo.load("adversarial_fgm_poems")
        >>> poem = "床前明月光，疑是地上霜。举头望明月，低头思故乡。"
        >>> found = robustness(model, [(poem, "Tang")], ["swap"], strengths=[0.0])
        >>> found.accuracy
        {'swap': {0.0: 1.0}}
    """
    examples = list(data)
    if not examples:
        raise ValueError("data is empty: expected pairs of a text or a picture and its label")
    inputs = [x for x, _ in examples]
    labels = torch.tensor([_number(label, getattr(model, "labels", [])) for _, label in examples])
    texts = isinstance(inputs[0], str)
    given = () if strengths is None else strengths
    _require_attacks(attacks, given, {"pgd", *EDITS} if texts else {"pgd"})
    require_whole("batch_size", batch_size)
    place = (
        SequencePlace(embeddings, norm or "l2") if texts else Input("model", bounds, norm or "linf")
    )
    gradient = _GradientAttack(model, place, require_whole("steps", steps))
    accuracy: dict[str, dict[float, float]] = {}
    with in_evaluation(model):
        for attack in attacks:
            default = SHARES if attack in EDITS else EPSILONS if texts else PIXELS
            accuracy[attack] = {}
            for strength in map(float, default if strengths is None else strengths):
                changed, radius, right = inputs, strength, 0
                if attack in EDITS:
                    changed, radius = _edited(inputs, attack, strength, seed), 0.0
                for batch, truth in _batches(changed, labels, batch_size):
                    logits = gradient.worst(batch, truth, radius)
                    right += int((logits.argmax(-1) == truth.to(logits.device)).sum())
                accuracy[attack][strength] = right / len(examples)
    return Robustness(accuracy, len(examples), gradient.silent())


class _GradientAttack:
    """Projected gradient ascent on inputs or embeddings of a model.

    Args:
        model: gives logits.
        place: what is shifted.
        steps: of the ascent.
    """

    def __init__(self, model: nn.Module, place: Place, steps: int) -> None:
        self.model, self.place, self.steps = nn.ModuleDict({"model": model}), place, steps
        self._zero = self._measured = 0

    def silent(self) -> float:
        """Return the share of the examples whose gradient was zero."""
        return self._zero / max(1, self._measured)

    def clean(self, batch: list[Any]) -> Tensor:
        """Return the logits, float (batch, classes)."""
        with torch.no_grad():
            return self.model["model"](self._tensor(batch))

    def worst(self, batch: list[Any], truth: Tensor, radius: float) -> Tensor:
        """Return the logits at the end of the ascent, float (batch, classes)."""
        if radius == 0:
            return self.clean(batch)
        inputs, place = self._tensor(batch), self.place
        truth = truth.to(inputs.device)
        with place.install(self.model):
            place.begin()
            for _ in range(self.steps):
                loss = F.cross_entropy(self.model["model"](inputs), truth, reduction="sum")
                leaves = place.shifts or {}
                found = torch.autograd.grad(loss, list(leaves.values()))
                gradients = dict(zip(leaves, found, strict=True))
                norms = place.norms(gradients)
                self._zero += int((norms == 0).sum())
                self._measured += len(norms)
                climbed = place.ascend(gradients, 2.5 * radius / self.steps)
                moved = {key: leaf.detach() + climbed[key] for key, leaf in leaves.items()}
                place.move(place.project(moved, radius), leaves=True)
            with torch.no_grad():
                logits = self.model["model"](inputs)
            place.move(None)
        return logits

    def _tensor(self, batch: list[Any]) -> Tensor:
        model: Any = self.model["model"]
        made = model.preprocess(batch) if isinstance(batch[0], str) else torch.stack(batch)
        return made.to(next(model.parameters()).device)


def _require_attacks(attacks: Sequence[str], strengths: Sequence[float], known: set[str]) -> None:
    for attack in attacks:
        if attack not in known:
            raise ValueError(f"attacks has {attack!r}: expected some of {', '.join(sorted(known))}")
        for strength in strengths:
            if not 0 <= strength < math.inf:
                raise ValueError(f"strengths has {strength}: expected finite numbers of at least 0")
            if attack in EDITS and strength > 1:
                raise ValueError(
                    f"strengths has {strength}: expected shares from 0 to 1 with {attack}; measure "
                    "pgd in a run of its own"
                )


def _edited(texts: list[str], attack: str, share: float, seed: int) -> list[str]:
    """Edit texts, each by a generator of its own: the same edits for every model."""
    draws = (random.Random(f"{seed} {attack} {share} {i}") for i in range(len(texts)))
    return [EDITS[attack](text, share, draw) for text, draw in zip(texts, draws, strict=True)]


def _number(label: int | str, names: list[str]) -> int:
    if isinstance(label, str):
        if label not in names:
            raise ValueError(f"label is {label!r}: expected one of {', '.join(names) or 'numbers'}")
        return names.index(label)
    return int(label)


def _batches(inputs: list[Any], labels: Tensor, size: int) -> Iterator[tuple[list[Any], Tensor]]:
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size], labels[start : start + size]
