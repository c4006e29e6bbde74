"""`generate`: one door to all ways of decoding."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from zoo.decoding.engine import beam as beams
from zoo.decoding.engine import contrastive
from zoo.decoding.engine.filters import Consistent, MinP, TopK, TopP, Typical
from zoo.decoding.engine.processors import NoRepeatNgram, Processor, RepetitionPenalty, Temperature
from zoo.decoding.engine.protocol import pad_prompts
from zoo.decoding.engine.record import Generation, Stop, require_whole
from zoo.decoding.engine.request import Stream, Task
from zoo.decoding.engine.sampling import drawn, most_probable, walk
from zoo.decoding.models.transformers import as_decodable

Method = Literal["greedy", "sample", "beam", "diverse_beam", "contrastive"]
BEAMS = ("beam", "diverse_beam")
USED_BY = {  # the other filters are of sampling alone
    "top_k": ("sample", "contrastive"),
    "beam": BEAMS,
    "n_best": BEAMS,
    "length_penalty": BEAMS,
    "early_stopping": BEAMS,
    "groups": ("diverse_beam",),
    "diversity": ("diverse_beam",),
    "alpha": ("contrastive",),
    "stream": ("greedy", "sample", "contrastive"),
}


@torch.inference_mode()
def generate(
    model: Any,
    prompts: Tensor | Sequence[Sequence[int]],
    *,
    method: Method = "greedy",
    max_new_tokens: int = 64,
    eos_id: int | Sequence[int] | None = None,
    beam: int | None = None,
    groups: int = 2,
    diversity: float = 0.5,
    n_best: int = 1,
    length_penalty: float = 1.0,
    early_stopping: bool | Literal["never"] = False,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical: float | None = None,
    consistent: bool = False,
    alpha: float = 0.6,
    repetition_penalty: float = 1.0,
    no_repeat_ngram: int | None = None,
    processors: Sequence[Processor] = (),
    generator: int | torch.Generator | None = None,
    stream: Stream | None = None,
) -> Generation:
    """Continue prompts, each until its end token or the limit.

    Args:
        model: a `Decodable`, a network of `zoo.masks`, or a causal language model of
            `transformers`.
        prompts: int64 (batch, time), or a list of lists of token ids of any lengths.
        method: "greedy", the likeliest token at each step; "sample", a random one; "beam", the
            sequences of highest score; "diverse_beam", the same in groups that avoid each other;
            "contrastive", likely tokens that do not repeat what has been said.
        max_new_tokens: most new tokens of a row; default 64.
        eos_id: the token that ends a row, or several; default None: only the limit ends a row.
        beam: hypotheses of a beam search, over all groups; default 4.
        groups: groups of a diverse beam search, which must divide `beam`; default 2.
        diversity: diverse beam: cost in nats of a token for each use by an earlier group.
        n_best: sequences of a prompt that a beam search gives back; default 1.
        length_penalty: of a beam search: scores are `total / length ** length_penalty`.
        early_stopping: of a beam search, True, False or "never": see `BeamRule`.
        temperature: sampling: the logits are divided by it; default 1.
        top_k: sampling: keep the k likeliest tokens. Contrastive search: its candidates, default 4.
        top_p: sampling: keep the nucleus of this mass.
        min_p: sampling: keep what has this share of the likeliest token's probability.
        typical: sampling: keep the most typical tokens of this mass.
        consistent: sampling: no filter removes the end token, so that sampling ends.
        alpha: contrastive search: weight of the penalty; default 0.6.
        repetition_penalty: above 1, tokens that came before become less likely; default 1.
        no_repeat_ngram: no n-gram of this size occurs twice in a row, prompt included.
        processors: more of them, called before temperature and filters, as in `transformers`; a
            `Consistent` filter without an end token of its own keeps `eos_id`.
        generator: sampling: a seed, or a generator on the model's device; default torch's own.
        stream: called at each step with the numbers of the prompts that still run, int64 (n,), and
            their new tokens, int64 (n,); not for beams, which are known only at the end.

    Returns:
        The new tokens, their log-probabilities, and whether each row came to its end.

    Raises:
        ValueError: if an argument is out of its range or does nothing for this method, if a prompt
            holds a token that the model does not have, or does not fit into its positions together
            with its continuation, if the model gives NaN.

    Example:
        >>> class Counter:  # a model of ten tokens: after n comes n + 1
        ...     def prefill(self, tokens, valid):
        ...         return self.step(tokens[:, -1], None)
        ...     def step(self, tokens, state):
        ...         return torch.nn.functional.one_hot((tokens + 1) % 10, 10) * 9.0, None
        ...     def reorder(self, state, rows):
        ...         return state
        >>> out = generate(Counter(), [[1, 2, 3], [5]], eos_id=9, max_new_tokens=5)
        >>> out.to_lists()
        [[4, 5, 6, 7, 8], [6, 7, 8, 9]]
        >>> out.finished
        tensor([False,  True])
    """
    given = {
        "temperature": temperature != 1,
        "top_k": top_k is not None,
        "top_p": top_p is not None,
        "min_p": min_p is not None,
        "typical": typical is not None,
        "consistent": consistent,
        "beam": beam not in (None, 1),  # a beam of 1 is greedy
        "groups": groups != 2,
        "diversity": diversity != 0.5,
        "length_penalty": length_penalty != 1,
        "early_stopping": early_stopping is not False,
        "alpha": alpha != 0.6,
        "n_best": n_best != 1,
        "generator": generator is not None,
        "stream": stream is not None,
    }
    require_useful(method, [name for name, is_given in given.items() if is_given])
    require_functions(processors, stream)
    decodable, stop = as_decodable(model), Stop.of(max_new_tokens, eos_id)
    tokens, valid = pad_prompts(prompts)
    require_tokens(decodable, tokens)
    require_room(decodable, int(valid.sum(1).max()), stop.limit)
    chain: list[Processor] = []
    if repetition_penalty != 1:
        chain.append(RepetitionPenalty(repetition_penalty))
    if no_repeat_ngram is not None:
        chain.append(NoRepeatNgram(no_repeat_ngram))
    chain += [p.knowing(stop.eos) if isinstance(p, Consistent) else p for p in processors]
    task = Task(decodable, tokens, valid, stop, chain, stream)

    if method == "greedy":
        return walk(task, most_probable)
    if method == "sample":
        chain += filters(temperature, top_k, top_p, min_p, typical, stop if consistent else None)
        return walk(task, drawn(generator))
    if method == "contrastive":
        return contrastive.search(task, contrastive.Contrast(4 if top_k is None else top_k, alpha))
    if method == "beam":
        groups, diversity = 1, 0.0
    beam = 4 if beam is None else require_whole("beam", beam)
    if beam % require_whole("groups", groups):
        raise ValueError(f"{groups} groups do not divide a beam of {beam}: choose a divisor")
    rule = beams.BeamRule(beam // groups, groups, diversity, length_penalty, early_stopping)
    return beams.search(task, rule, require_whole("n_best", n_best))


def require_useful(method: str, options: list[str]) -> None:
    """Refuse an unknown method, and options that do nothing for it.

    Raises:
        ValueError: with the first such option.
    """
    if method not in get_args(Method):
        raise ValueError(f"method is {method!r}: one of {', '.join(get_args(Method))}")
    for option in options:
        if method not in USED_BY.get(option, ("sample",)):
            raise ValueError(f"{option} does nothing for method={method!r}: leave it out")


def require_functions(processors: Any, stream: Any) -> None:
    """Refuse processors and a stream that cannot be called.

    Raises:
        ValueError: with what was given.
    """
    if not isinstance(processors, Sequence) or not all(map(callable, processors)):
        raise ValueError(
            f"processors is {processors!r}: give a list of functions of tokens and scores"
        )
    if not (stream is None or callable(stream)):
        raise ValueError(f"stream is {stream!r}: give a function of prompts and tokens")


def filters(
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    min_p: float | None,
    typical: float | None,
    consistent: Stop | None,
) -> list[Processor]:
    """Return the processors of sampling, in the order of `transformers`.

    Args:
        temperature: as all the others, see `generate`.
        top_k: None keeps all.
        top_p: None keeps all.
        min_p: None keeps all.
        typical: None keeps all.
        consistent: whose end tokens no filter may remove; None if it may.

    Raises:
        ValueError: if there is no end token to keep.
    """
    chain: list[Processor] = []
    if top_k is not None:
        chain.append(TopK(top_k))
    if top_p is not None:
        chain.append(TopP(top_p))
    if min_p is not None:
        chain.append(MinP(min_p))
    if typical is not None:
        chain.append(Typical(typical))
    if consistent is not None:
        if not consistent.eos:
            raise ValueError("consistent sampling keeps the end token: give eos_id")
        chain = [Consistent(processor, consistent.eos) for processor in chain]
    return [Temperature(temperature), *chain] if temperature != 1 else chain


def require_tokens(model: Any, tokens: Tensor) -> None:
    """Refuse token ids that the model does not have.

    Raises:
        ValueError: with the id and the size of the vocabulary.
    """
    vocabulary, largest = getattr(model, "vocabulary", None), int(tokens.max())
    if vocabulary is not None and largest >= vocabulary:
        raise ValueError(
            f"a prompt has the token {largest}, of a model with {vocabulary}, from 0 on: "
            "take the tokenizer that belongs to the model"
        )


def require_room(model: Any, prompt: int, limit: int) -> None:
    """Refuse a prompt whose continuation the model has no positions for.

    Raises:
        ValueError: with the numbers.
    """
    positions = getattr(model, "positions", None)
    if positions is not None and prompt + limit - 1 > positions:  # the last token is not read
        raise ValueError(
            f"a prompt of {prompt} tokens and {limit} new ones do not fit into the model's "
            f"{positions} positions: cut the prompt or lower max_new_tokens"
        )
