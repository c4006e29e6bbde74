"""GPT-2 of `transformers`, one step at a time: its weights, without its modules."""

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from zoo.decoding.cpu.inference import Norm, chain, is_untouched
from zoo.decoding.cpu.linear import Activation, PackedLinear
from zoo.decoding.engine.cache import TreeCache

GPT2 = "transformers.models.gpt2.modeling_gpt2"


class Block(NamedTuple):
    """Weights of one layer, looked up once, since attributes of a module are slow to find."""

    norm_1: Norm
    attention: PackedLinear
    projection: PackedLinear
    norm_2: Norm
    inner: Callable[[Tensor], Tensor]  # with the activation
    outer: PackedLinear
    scale: float

    @classmethod
    def of(cls, block: Any) -> "Block":
        """Return the weights of a `GPT2Block`."""
        return cls(
            Norm.of(block.ln_1),
            packed(block.attn.c_attn),
            packed(block.attn.c_proj),
            Norm.of(block.ln_2),
            activated(block.mlp.c_fc, block.mlp.act),
            packed(block.mlp.c_proj),
            block.attn.scaling,
        )


class GPT2Steps:
    """A `Decodable` that computes what `GPT2LMHeadModel` computes.

    Dropout is left out, of a prompt only the last logits are computed, beams share their cache,
    and on a CPU there is a second copy of the weights, laid out for its matrix kernels, and of most
    of them a third one, if a single row is generated.

    Args:
        model: a `GPT2LMHeadModel` without cross-attention.
    """

    def __init__(self, model: Any) -> None:
        body = model.transformer
        self.positions: int = model.config.n_positions
        self.eos_id = model.generation_config.eos_token_id
        self.heads: int = model.config.n_head
        self.channels: int = model.config.n_embd // model.config.n_head
        self.token_embedding: Tensor = body.wte.weight
        self.vocabulary = len(self.token_embedding)
        self.position_embedding: Tensor = body.wpe.weight
        self.blocks = [Block.of(block) for block in body.h]
        self.norm = Norm.of(body.ln_f)
        self.weight: Tensor = model.lm_head.weight
        self.head = PackedLinear(self.weight, model.lm_head.bias)

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, TreeCache]:
        """Read the prompts; see `Decodable`."""
        tokens, valid = tokens.to(self.weight.device), valid.to(self.weight.device)
        cache = TreeCache.start(valid, len(self.blocks), self.heads, self.channels, self.weight)
        positions = (valid.cumsum(1) - 1).clamp(min=0)
        x = self.run(tokens, positions, cache, cache.prompt_mask(valid))
        cache.latest = x.view(*tokens.shape, -1)
        return self.logits(cache.latest[:, -1]), cache

    def step(self, tokens: Tensor, state: TreeCache) -> tuple[Tensor, TreeCache]:
        """Read one more token of each row; see `Decodable`."""
        positions = state.positions
        x = self.run(state.spread(tokens), positions, state, state.step_mask())
        x = state.gather(x)
        positions += 1
        state.latest = x[:, None]
        return self.logits(x), state

    def reorder(self, state: TreeCache, rows: Tensor) -> TreeCache:
        """Pick rows; see `Decodable`."""
        return state.reorder(rows)

    def hidden(self, state: TreeCache) -> Tensor:
        """Return the last layer's output; see `Contrastable`."""
        assert state.latest is not None
        return self.norm(state.latest)

    def run(self, tokens: Tensor, positions: Tensor, cache: TreeCache, mask: Tensor) -> Tensor:
        """Run all layers.

        Args:
            tokens: int64 (prompts, tokens): a prompt's tokens, or one token of each of its beams.
            positions: int64 (prompts, tokens).
            cache: what came before; the tokens are added.
            mask: as for `Slots.attend`.

        Returns:
            float (prompts * tokens, width), before the last norm.
        """
        prompts, count = tokens.shape
        split = (prompts, count, 3, self.heads, self.channels)
        x = F.embedding(tokens, self.token_embedding)
        x = (x + F.embedding(positions, self.position_embedding)).flatten(0, 1)
        for block, slots in zip(self.blocks, cache.slots(count), strict=True):
            q, k, v = block.attention(block.norm_1(x)).view(split).permute(2, 0, 3, 1, 4)
            mixed = slots.attend(q, k, v, mask, block.scale)
            x = x + block.projection(mixed.transpose(1, 2).reshape(x.shape))
            x = x + block.outer(block.inner(block.norm_2(x)))
        cache.length += count
        return x

    def logits(self, x: Tensor) -> Tensor:
        """Return logits, float (rows, vocabulary), of float (rows, width)."""
        return self.head(self.norm(x))


def is_plain_gpt2(model: Any) -> bool:
    """Return whether a model is a GPT-2 in which nothing is changed, by adapters or by hooks."""
    if f"{type(model).__module__}.{type(model).__name__}" != f"{GPT2}.GPT2LMHeadModel":
        return False
    linear = {
        type(layer).__name__
        for block in model.transformer.h
        for layer in (block.attn.c_attn, block.attn.c_proj, block.mlp.c_fc, block.mlp.c_proj)
    }
    plain = not model.config.add_cross_attention and linear == {"Conv1D"}
    return plain and all(map(is_known, model.modules()))


def is_known(module: nn.Module) -> bool:
    """Return whether a module is untouched, and of a class that `GPT2Steps` knows."""
    known = (GPT2, "transformers.pytorch_utils", "transformers.activations", "torch.nn.modules.")
    return is_untouched(module) and type(module).__module__.startswith(known)


def packed(layer: Any, activation: Activation = "none") -> PackedLinear:
    """Return the layer of a `Conv1D`, whose weights are (in, out), and an activation."""
    return PackedLinear(layer.weight.t(), layer.bias, activation)


def activated(layer: Any, activation: Any) -> Callable[[Tensor], Tensor]:
    """Return a `Conv1D` and a module of `transformers` behind it as one function."""
    if is_gelu_tanh(activation):
        return packed(layer, "gelu_tanh")
    return chain([packed(layer), activation])


def is_gelu_tanh(activation: Any) -> bool:
    """Return whether a module of `transformers` is the tanh formula of GELU."""
    return type(activation).__name__ in ("NewGELUActivation", "GELUTanh", "PytorchGELUTanh")
