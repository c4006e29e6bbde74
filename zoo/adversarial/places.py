"""Where an attack moves a network: a matrix, a sequence, an input or the weights.

A place adds a shift to some tensors of a forward pass and writes none of them, so that nothing is
left perturbed. Each place has its own zero, norm and projection.
"""

from collections.abc import Callable, Hashable
from contextlib import ExitStack
from fnmatch import fnmatchcase
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from zoo.adversarial.losses import Norm, ascend, norm_of, project

Shifts = dict[Hashable, Tensor]
Draw = Callable[[Tensor, int], Tensor]  # of a zero shift and its number: where to begin


class Place:
    """Shifts of some tensors of a module.

    Args:
        norm: of the shifts, l2 or linf; default l2.

    Raises:
        ValueError: if it is another.

    Attributes:
        shifts: what is added now, by tensor; None if nothing is.
        grows: whether a tensor that is not in `shifts` gets a new shift at its first use.
        draw: where new shifts begin; None for zero.
        samples: leading dimensions of a shift that count samples: 0 if one shift serves the whole
            batch, whose gradient is then averaged over processes, else 1.
    """

    samples = 0

    def __init__(self, norm: Norm = "l2") -> None:
        if norm not in ("l2", "linf"):
            raise ValueError(f"norm is {norm!r}: expected l2 or linf")
        self.norm: Norm = norm
        self.shifts: Shifts | None = None
        self.grows = False
        self.draw: Draw | None = None

    def targets(self, module: nn.Module) -> dict[str, Any]:
        """Return what would be shifted, by name.

        Raises:
            ValueError: if the pattern matches nothing, or something that cannot be shifted.
        """
        raise NotImplementedError

    def install(self, module: nn.Module) -> ExitStack:
        """Put hooks around the targets; closing what is returned takes them away."""
        raise NotImplementedError

    def begin(self, draw: Draw | None = None) -> None:
        """Shift by leaves that are made at first use, so that they can be differentiated."""
        self.shifts, self.grows, self.draw = {}, True, draw

    def move(self, shifts: Shifts | None, leaves: bool = False) -> None:
        """Shift by given tensors, as they are or as leaves; None for nothing at all."""
        if leaves and shifts is not None:
            shifts = {key: shift.detach().requires_grad_() for key, shift in shifts.items()}
        self.shifts, self.grows = shifts, False

    def shift_of(self, key: Hashable, like: Tensor) -> Tensor | None:
        """Return the shift of a tensor, a new leaf if it is its first use; None for none."""
        if self.shifts is None:
            return None
        if key not in self.shifts and self.grows:
            dtype = torch.promote_types(like.dtype, torch.float32)
            zero = torch.zeros(like.shape, dtype=dtype, device=like.device)
            first = self.draw(zero, len(self.shifts)) if self.draw else zero
            self.shifts[key] = first.requires_grad_()
        return self.shifts.get(key)

    def ascend(self, gradients: Shifts, length: float) -> Shifts:
        """Return the steps of a given length that raise the loss most."""
        return {k: ascend(g, length, self.norm, self.samples) for k, g in gradients.items()}

    def project(self, shifts: Shifts, radius: float) -> Shifts:
        """Return the nearest shifts that are allowed."""
        return {k: project(s, radius, self.norm, self.samples) for k, s in shifts.items()}

    def norms(self, shifts: Shifts) -> Tensor:
        """Return float (n,): the l2 norm of each shift, or of each of its samples."""
        found = [norm_of(shift, "l2", self.samples).flatten() for shift in shifts.values()]
        return torch.cat(found) if found else torch.zeros(0)


class Embeddings(Place):
    """What looks up rows of embedding matrices; `Matrix` and `Sequence` say what is shifted.

    Args:
        pattern: glob on the names of the `nn.Embedding` layers.
        norm: l2 or linf.
    """

    def __init__(self, pattern: str = "*", norm: Norm = "l2") -> None:
        super().__init__(norm)
        self.pattern = pattern

    def targets(self, module: nn.Module) -> dict[str, nn.Embedding]:
        """Return the matched layers by name, one that has several names by each."""
        found = {
            name: layer
            for name, layer in module.named_modules(remove_duplicate=False)
            if isinstance(layer, nn.Embedding)
        }
        matched = {n: layer for n, layer in found.items() if fnmatchcase(n, self.pattern)}
        if not matched:
            raise ValueError(
                f"embeddings is {self.pattern!r}: expected a pattern that matches an nn.Embedding "
                f"of {type(module).__name__}; it has {', '.join(found) or 'none'}"
            )
        for name, layer in matched.items():
            if type(layer).forward is not nn.Embedding.forward:
                raise ValueError(
                    f"embeddings is {self.pattern!r}: expected no layer with a forward of its own, "
                    f"but it matches {name}, a {type(layer).__name__}; choose a pattern that "
                    "leaves it out"
                )
        return matched

    def install(self, module: nn.Module) -> ExitStack:
        """Hook the layers; the first hooks, since the user's own expect what a look-up found."""
        stack = ExitStack()
        for layer in dict.fromkeys(self.targets(module).values()):
            hook = layer.register_forward_hook(self._add, prepend=True, with_kwargs=True)
            stack.callback(hook.remove)
        return stack

    def _add(self, layer: nn.Embedding, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
        if self.shifts is None:
            return output
        shift = self.looked_up(layer, args[0] if args else kwargs["input"], output)
        return output if shift is None else output + shift.to(output.dtype)

    def looked_up(self, layer: nn.Embedding, tokens: Tensor, output: Tensor) -> Tensor | None:
        """Return what to add to the look-up of some tokens: float (..., channels)."""
        raise NotImplementedError


class Matrix(Embeddings):
    """A shift of the embedding matrix E: one for all occurrences of a token (Su 7234).

    E[i] + shift[i] is what a look-up of i would find in E + shift. An output layer tied to E is
    not moved. Layers that share a matrix share its shift.
    """

    def install(self, module: nn.Module) -> ExitStack:
        """Note whose matrix each layer has: an attack on weights puts other tensors there."""
        matrices = {layer: layer.weight for layer in self.targets(module).values()}
        self._keys = {layer: id(matrix) for layer, matrix in matrices.items()}
        return super().install(module)

    def looked_up(self, layer: nn.Embedding, tokens: Tensor, output: Tensor) -> Tensor | None:
        """Look the tokens up in the shift of the layer's matrix."""
        shift = self.shift_of(self._keys[layer], layer.weight)
        return None if shift is None else F.embedding(tokens, shift, layer.padding_idx)


class Sequence(Embeddings):
    """A shift of each looked-up sequence, with a norm of its own (Miyato et al.; FreeLB).

    Padding, where the layer names its `padding_idx`, is not moved. Several look-ups of a layer in
    one pass are told apart by their tokens.
    """

    samples = 1

    def begin(self, draw: Draw | None = None) -> None:
        """Forget the tokens of the last batch too."""
        super().begin(draw)
        self._seen: dict[Hashable, tuple[nn.Embedding, Tensor]] = {}

    def ascend(self, gradients: Shifts, length: float) -> Shifts:
        """Return steps none of whose length is spent on padding, where noise has some, too."""
        kept = {k: without_padding(*self._seen[k], g) for k, g in gradients.items()}
        return super().ascend(kept, length)

    def looked_up(self, layer: nn.Embedding, tokens: Tensor, output: Tensor) -> Tensor | None:
        """Return the shift of these tokens, zero at padding."""
        shift = self.shift_of(self._key(layer, tokens), output)
        return None if shift is None else without_padding(layer, tokens, shift)

    def _key(self, layer: nn.Embedding, tokens: Tensor) -> Hashable:
        for number, (owner, seen) in self._seen.items():
            if owner is layer and seen.shape == tokens.shape and torch.equal(seen, tokens):
                return number
        number = len(self._seen)  # that of the shift, too, by which it is drawn
        self._seen[number] = layer, tokens.clone()
        return number


class Input(Place):
    """A shift of the first argument of a named module, such as the pixels of an image.

    Args:
        name: of the module in the LightningModule, such as `net`.
        bounds: lowest and highest value of the shifted input; default none.
        norm: l2 or linf.

    Raises:
        ValueError: if the highest value is not above the lowest.
    """

    samples = 1

    def __init__(
        self, name: str, bounds: tuple[float, float] | None = None, norm: Norm = "l2"
    ) -> None:
        super().__init__(norm)
        if bounds is not None and not bounds[0] < bounds[1]:
            raise ValueError(f"bounds is {bounds!r}: expected the lowest value, then the highest")
        self.name, self.bounds = name, bounds
        self._clean: Tensor | None = None

    def targets(self, module: nn.Module) -> dict[str, nn.Module]:
        """Return the one module of that name."""
        return {self.name: only_module(module, self.name, "inputs")}

    def install(self, module: nn.Module) -> ExitStack:
        """Hook the module; the last hook, so that the shift is of what it works on."""
        (target,) = self.targets(module).values()
        stack = ExitStack()
        stack.callback(target.register_forward_pre_hook(self._add).remove)
        return stack

    def _add(self, module: nn.Module, args: tuple) -> tuple | None:
        if self.shifts is None:
            return None
        if not args or not isinstance(args[0], Tensor) or not args[0].is_floating_point():
            raise ValueError(
                f"the first argument of {self.name} is not a tensor of real numbers: name another "
                "module in `inputs`, or shift its embeddings"
            )
        self._clean = args[0].detach()
        shift = self.shift_of(self.name, args[0])
        return args if shift is None else (args[0] + shift.to(args[0].dtype), *args[1:])

    def begin(self, draw: Draw | None = None) -> None:
        """Keep what is drawn within the bounds."""
        super().begin(draw and (lambda zero, number: self._within(draw(zero, number))))

    def move(self, shifts: Shifts | None, leaves: bool = False) -> None:
        """Keep the shifted input within its bounds."""
        super().move(shifts and {key: self._within(s) for key, s in shifts.items()}, leaves)

    def _within(self, shift: Tensor) -> Tensor:
        if self.bounds is None or self._clean is None:
            return shift
        return (self._clean + shift).clamp(*self.bounds) - self._clean


class Weights(Place):
    """Shifts of parameters: each is replaced by a moved tensor for a pass and never written.

    A parameter that several modules share is moved once, and backward reaches the original.

    Args:
        pattern: glob on the names of the parameters; those of one dimension (biases, norms) are
            left out, as in the code of the paper on adversarial weight perturbation.
    """

    def __init__(self, pattern: str = "*") -> None:
        super().__init__()
        self.pattern = pattern
        self._owners: dict[int, list[tuple[dict[str, Any], str, nn.Parameter]]] = {}

    def targets(self, module: nn.Module) -> dict[str, nn.Parameter]:
        """Return the matched parameters by name."""
        found = dict(module.named_parameters())
        matched = {
            name: p
            for name, p in found.items()
            if fnmatchcase(name, self.pattern) and p.requires_grad and p.dim() > 1
        }
        if not matched:
            raise ValueError(
                f"weights is {self.pattern!r}: expected a pattern that matches a trained parameter "
                f"of {type(module).__name__} with two dimensions or more; it has "
                f"{', '.join(name for name, p in found.items() if p.dim() > 1) or 'none'}"
            )
        for name, part in module.named_modules():
            own = {id(p) for p in part.parameters(recurse=False)}
            if not own & {id(p) for p in matched.values()}:
                continue
            if isinstance(part, nn.RNNBase):
                raise ValueError(
                    f"{name} is a {type(part).__name__}: expected no recurrent layer, which keeps "
                    "flat copies of its weights; leave it out by the pattern `weights`"
                )
            if getattr(part, "sparse", False):
                raise ValueError(
                    f"{name} is an embedding with sparse gradients: expected dense ones; set "
                    "sparse=False, or leave it out by the pattern `weights`"
                )
        return matched

    def install(self, module: nn.Module) -> ExitStack:
        """Note where the parameters are kept; closing what is returned puts them back."""
        chosen = {id(p) for p in self.targets(module).values()}
        self._owners = {}
        for part in module.modules():
            for name, p in part._parameters.items():
                if p is not None and id(p) in chosen:
                    self._owners.setdefault(id(p), []).append((part._parameters, name, p))
        stack = ExitStack()
        stack.callback(self.move, None)
        return stack

    def originals(self) -> Shifts:
        """Return the parameters themselves, by the keys of their shifts."""
        return {key: places[0][2] for key, places in self._owners.items()}

    def move(self, shifts: Shifts | None, leaves: bool = False) -> None:
        """Put moved tensors where the parameters were, or the parameters back."""
        self.shifts = shifts
        for key, places in self._owners.items():
            original = places[0][2]
            moved = original + shifts[key].to(original.dtype) if shifts else original
            for parameters, name, _ in places:
                parameters[name] = moved

    def ascend(self, gradients: Shifts, length: float) -> Shifts:
        """Return steps of `length` times each parameter's norm (AWP, arXiv 2004.05884, eq. 9)."""
        sizes = {key: norm_of(p.detach()) for key, p in self.originals().items()}
        return {key: ascend(g, length * sizes[key]) for key, g in gradients.items()}


def without_padding(layer: nn.Embedding, tokens: Tensor, shift: Tensor) -> Tensor:
    """Return a shift of looked-up tokens, float (..., channels), with zeros at padding."""
    if layer.padding_idx is None:
        return shift
    return shift * (tokens != layer.padding_idx).unsqueeze(-1)


def only_module(module: nn.Module, pattern: str, option: str) -> nn.Module:
    """Return the one submodule that a pattern matches.

    Raises:
        ValueError: if it matches none or several, with the names there are.
    """
    found = {n: part for n, part in module.named_modules() if n and fnmatchcase(n, pattern)}
    if len(found) != 1:
        names = ", ".join(found or [name for name, _ in module.named_modules() if name])
        raise ValueError(
            f"{option} is {pattern!r}: expected the name of one module of "
            f"{type(module).__name__}, matched {len(found)} of {names or 'none'}"
        )
    return next(iter(found.values()))
