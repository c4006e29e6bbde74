"""Objectives: what a net sees of a batch, under which mask, and what it has to say.

An objective is a mask and a choice of labels; the net is the same for all. They are Su's list
(https://kexue.fm/archives/6933): BERT's, GPT's in both directions, UniLM's, GLM's and XLNet's.
"""

from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

import torch
from torch import Generator, Tensor
from torch.nn.utils.rnn import pad_sequence

from zoo.masks.attention.algebra import Mask
from zoo.masks.attention.schemes import (
    causal,
    diagonal,
    padding,
    permutation,
    prefix,
    reverse,
    unilm,
)
from zoo.optim.distributed import counts_of_processes
from zoo.optim.step_noise import StepNoise


class TextBatch(NamedTuple):
    """Encoded texts, or pairs of a source and a target, padded at their ends.

    Attributes:
        token_ids: int64 (batch, time); a begin, the text, an end, and a target and its end.
        segment_ids: int64 (batch, time), 1 in the target and its end, else 0.
        valid: bool (batch, time), false on padding.
        word_ids: int64 (batch, time), the number of the word that a token is part of; -1 for
            tokens that belong to no word: begin, end, padding.
        mask_id: the token that hides others.
        vocabulary: number of token ids.
        sources: the texts; for generation.
        targets: what should follow them; empty strings if nothing does.
    """

    token_ids: Tensor
    segment_ids: Tensor
    valid: Tensor
    word_ids: Tensor
    mask_id: int
    vocabulary: int
    sources: list[str]
    targets: list[str]


class TokenPrediction(NamedTuple):
    """A batch under an objective.

    Attributes:
        token_ids: int64 (batch, time), what the net reads.
        mask: the attention mask; None where the net makes it from the order.
        rows: bool (batch, time), the positions whose outputs are predictions.
        labels: int64 (n,), the right answers, in the order of `rows`.
        target_ids: int64 (batch, time), the position that each output is about.
        order: int64 (batch, time), for a net with two streams; else None.
    """

    token_ids: Tensor
    mask: Mask | None
    rows: Tensor
    labels: Tensor
    target_ids: Tensor
    order: Tensor | None = None


Draw = Callable[[int], Tensor]  # how many -> float (many, batch, time), uniform in [0, 1)
Objective = Callable[[TextBatch, Draw], TokenPrediction]


def draws_of_step(batch: TextBatch, noise: StepNoise) -> Draw:
    """Return what draws the numbers of a training step, on two processes what one would draw.

    Args:
        batch: this process's part of the batch of all processes.
        noise: of the step; its phase 0 is taken.
    """
    count, time = batch.token_ids.shape

    def draw(many: int) -> Tensor:
        longest = max(counts_of_processes(time, batch.token_ids.device))  # as one would pad
        return noise.uniform(count, longest, many, phase=0)[:, :time].movedim(-1, 0)

    return draw


def draws_of_texts(batch: TextBatch) -> Draw:
    """Return what draws the same numbers for a text whenever it is evaluated.

    They follow from its tokens alone, not from its batch or process.

    Args:
        batch: the texts.
    """

    def draw(many: int) -> Tensor:
        rows = zip(batch.token_ids.cpu(), batch.valid.cpu(), strict=True)
        texts = [ids[valid] for ids, valid in rows]
        seeded = [Generator().manual_seed(crc32(text.numpy().tobytes())) for text in texts]
        drawn = [
            torch.rand(len(text), many, generator=own)
            for text, own in zip(texts, seeded, strict=True)
        ]
        return pad_sequence(drawn, batch_first=True).movedim(-1, 0).to(batch.token_ids.device)

    return draw


def causal_lm(batch: TextBatch, draw: Draw | None = None) -> TokenPrediction:
    """Predict each token from those before it."""
    rows = _before(batch.valid)
    return _neighbours(batch, causal() & padding(batch.valid), rows, -1)


def reverse_lm(batch: TextBatch, draw: Draw | None = None) -> TokenPrediction:
    """Predict each token from those after it."""
    rows = batch.valid & (_positions(batch) > 0)
    mask = reverse() & padding(batch.valid) | diagonal()  # behind the text stands padding alone
    return _neighbours(batch, mask, rows, 1)


def unilm_seq2seq(batch: TextBatch, draw: Draw | None = None) -> TokenPrediction:
    """Predict each token of the target from the source and the target before it.

    UniLM: Dong et al., arXiv 1905.03197, section 2.3; the source is not predicted.
    """
    mask = unilm(batch.segment_ids) & padding(batch.valid)
    return _neighbours(batch, mask, _before(batch.segment_ids == 1), -1)


def prefix_lm(batch: TextBatch, draw: Draw) -> TokenPrediction:
    """Predict the tokens after a prefix of random length, which sees all of itself.

    The length is uniform over 1 to one less than the sequence's, as in Raffel et al., arXiv
    1910.10683, section 3.2.
    """
    length = batch.valid.sum(-1)
    known = 1 + (draw(1)[0, :, 0] * (length - 1)).long()  # (batch,)
    mask = prefix(known) & padding(batch.valid)
    rows = _before(batch.valid & (_positions(batch) >= known[:, None]))
    return _neighbours(batch, mask, rows, -1)


def masked_lm(batch: TextBatch, draw: Draw, share: float = 0.15) -> TokenPrediction:
    """Predict whole words that are hidden: BERT, arXiv 1810.04805, appendix A.1.

    All tokens of a chosen word are chosen (whole-word masking, arXiv 1906.08101). Of the chosen
    tokens 80 % are hidden, 10 % are replaced by any token of the vocabulary, and 10 % stay.

    Args:
        batch: the texts.
        draw: of the choice.
        share: probability that a word is chosen; a text without a chosen word gets its first.
    """
    of_word, fate, other = draw(3)  # the first is of a word, by its number
    chosen = of_word.gather(1, batch.word_ids.clamp(min=0)) < share
    chosen &= batch.word_ids >= 0
    chosen |= (batch.word_ids == 0) & ~chosen.any(-1, keepdim=True)
    token_ids = batch.token_ids.masked_fill(chosen & (fate < 0.8), batch.mask_id)
    replaced = chosen & (fate >= 0.9)
    token_ids = torch.where(replaced, (other * batch.vocabulary).long(), token_ids)
    return TokenPrediction(
        token_ids, padding(batch.valid), chosen, batch.token_ids[chosen], _positions(batch)
    )


def permutation_lm(batch: TextBatch, draw: Draw) -> TokenPrediction:
    """Predict the tokens in a random order, each position told which one it is to predict.

    The position that is read as the t-th in the order predicts the (t+1)-th. One stream of states
    suffices for this, at the price of an embedding of the position to predict.
    """
    order = random_order(batch, draw)
    following = order.roll(-1, dims=1)
    target_ids = torch.zeros_like(order).scatter(1, order, following)
    rank = order.argsort(-1)
    rows = batch.valid & (rank < batch.valid.sum(-1, keepdim=True) - 1)
    labels = batch.token_ids.gather(1, target_ids)[rows]
    mask = permutation(order) & padding(batch.valid)
    return TokenPrediction(batch.token_ids, mask, rows, labels, target_ids)


def two_stream_lm(batch: TextBatch, draw: Draw) -> TokenPrediction:
    """Predict the tokens in a random order, by a net with XLNet's query stream (1906.08237)."""
    order = random_order(batch, draw)
    rows = batch.valid & (_positions(batch) > 0)
    labels = batch.token_ids[rows]
    return TokenPrediction(batch.token_ids, None, rows, labels, _positions(batch), order)


OBJECTIVES: dict[str, Objective] = {
    "masked": masked_lm,
    "causal": causal_lm,
    "reverse": reverse_lm,
    "unilm": unilm_seq2seq,
    "prefix": prefix_lm,
    "permutation": permutation_lm,
    "two_stream": two_stream_lm,
}


def random_order(batch: TextBatch, draw: Draw) -> Tensor:
    """Draw an order of each text's positions: the begin first, the text at random, padding last.

    Returns:
        int64 (batch, time), a permutation of 0 to time - 1 in each row.
    """
    key = draw(1)[0].masked_fill(~batch.valid, 2.0)
    key[:, 0] = -1.0
    return key.argsort(dim=-1, stable=True)


def _neighbours(batch: TextBatch, mask: Mask, rows: Tensor, shift: int) -> TokenPrediction:
    """Let each of the rows predict the token beside it: the next for -1, the last one for 1."""
    labels = batch.token_ids.roll(shift, dims=1)[rows]
    target_ids = (_positions(batch) - shift).clamp(0, batch.token_ids.shape[1] - 1)
    return TokenPrediction(batch.token_ids, mask, rows, labels, target_ids)


def _before(rows: Tensor) -> Tensor:
    """Say of each position whether its next one is among `rows`."""
    shifted = rows.roll(-1, dims=1)
    shifted[:, -1] = False
    return shifted


def _positions(batch: TextBatch) -> Tensor:
    time = batch.token_ids.shape[1]
    return torch.arange(time, device=batch.token_ids.device).expand_as(batch.token_ids)
