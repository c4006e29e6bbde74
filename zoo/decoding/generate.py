"""`generate`: one door to all ways of decoding."""

from collections.abc import Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from zoo.decoding import beam as beams
from zoo.decoding.adapters import as_decodable
from zoo.decoding.processors import NoRepeatNgram, Processor, RepetitionPenalty, Temperature
from zoo.decoding.protocol import pad_prompts
from zoo.decoding.stopping import Generation, Stop
from zoo.decoding.walking import Stream, drawn, most_probable, walk

Method = Literal["greedy", "sample", "beam", "diverse_beam", "contrastive"]


@torch.inference_mode()
def generate(
    model: Any,
    prompts: Tensor | Sequence[Sequence[int]],
    *,
    method: Method = "greedy",
    max_new_tokens: int = 64,
    eos_id: int | Sequence[int] | None = None,
    beam: int = 4,
    n_best: int = 1,
    length_penalty: float = 1.0,
    early_stopping: bool | Literal["never"] = False,
    temperature: float = 1.0,
    repetition_penalty: float = 1.0,
    no_repeat_ngram: int = 0,
    processors: Sequence[Processor] = (),
    generator: torch.Generator | None = None,
    stream: Stream | None = None,
) -> Generation:
    """Continue prompts, each until its end token or the limit."""
    tokens, valid = pad_prompts(prompts)
    stop = Stop.of(max_new_tokens, eos_id)
    chain: list[Processor] = []
    if repetition_penalty != 1:
        chain.append(RepetitionPenalty(repetition_penalty))
    if no_repeat_ngram:
        chain.append(NoRepeatNgram(no_repeat_ngram))
    chain += processors
    decodable = as_decodable(model)
    if method == "greedy":
        return walk(decodable, tokens, valid, stop, most_probable, chain, stream)
    if method == "sample":
        if temperature != 1:
            chain.append(Temperature(temperature))
        return walk(decodable, tokens, valid, stop, drawn(generator), chain, stream)
    if method == "beam":
        rule = beams.BeamRule(beam, 1, 0.0, length_penalty, early_stopping)
        return beams.search(decodable, tokens, valid, stop, rule, chain, n_best)
    raise ValueError(f"method is {method!r}: one of {', '.join(get_args(Method))}")
