"""Recurrent language models: a tanh network or an LSTM, with an end-of-sequence head."""

from collections.abc import Iterator
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_sequence

from zoo.decoding.heads import Headed, Kind, SelfTerminating
from zoo.decoding.texts import stream, write
from zoo.decoding.tokenizer import BEGIN, END, PADDING, UNKNOWN, Tokenizer
from zoo.layers.arguments import built_with
from zoo.layers.signature import Signature
from zoo.layers.sizes import require_sizes
from zoo.layers.texts import require_texts

Cells = tuple[Tensor, ...]  # each (layers, batch, width)

WRITING = {"max_new_tokens": 256, "forbidden_tokens": (PADDING, UNKNOWN, BEGIN)}
TYPICAL_LENGTH = 50  # steps to an end that an untrained model expects


class Recurrent(nn.Module):
    """Embeddings, a recurrent network, and the embeddings again as the output layer.

    Args:
        vocabulary: number of token ids; id 0 is padding.
        width: channels of a token and of the hidden state; default 192.
        layers: recurrent layers; default 1.
        cell: `lstm` (default) or `rnn`, whose hidden state is a tanh and therefore bounded.
        dropout: dropout probability of embeddings and outputs in training; default 0.2.

    Attributes:
        arguments: all of these, as a dict.

    Raises:
        ValueError: if there is no such cell, or a size is no whole number from 1 on.
    """

    eos_id = END

    def __init__(
        self,
        vocabulary: int,
        width: int = 192,
        layers: int = 1,
        cell: Literal["lstm", "rnn"] = "lstm",
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.arguments = built_with(locals())
        if cell not in ("lstm", "rnn"):
            raise ValueError(f"cell is {cell!r}: expected lstm or rnn")
        require_sizes(vocabulary=vocabulary, width=width, layers=layers)
        self.vocabulary = vocabulary
        self.embedding = nn.Embedding(vocabulary, width, padding_idx=0)
        nn.init.normal_(self.embedding.weight, std=0.1)
        self.dropout = nn.Dropout(dropout)
        self.cell = (nn.LSTM if cell == "lstm" else nn.RNN)(width, width, layers, batch_first=True)
        self.bias = nn.Parameter(torch.zeros(vocabulary))

    def forward(self, tokens: Tensor) -> Tensor:
        """Predict the token after each position.

        Args:
            tokens: int64 (batch, time), padded at the end.

        Returns:
            float (batch, time, vocabulary): logits.
        """
        x, _ = self.cell(self.dropout(self.embedding(tokens)))
        return self._logits(self.dropout(x))

    def prefill(self, tokens: Tensor, valid: Tensor) -> tuple[Tensor, Cells]:
        """See `Decodable.prefill`."""
        device = self.embedding.weight.device
        tokens, valid = tokens.to(device), valid.to(device)
        x = self.embedding(tokens)
        rows = [row[real] for row, real in zip(x, valid, strict=True)]
        _, state = self.cell(pack_sequence(rows, enforce_sorted=False))
        return self._last(state)

    def step(self, tokens: Tensor, state: Cells) -> tuple[Tensor, Cells]:
        """See `Decodable.step`."""
        x = self.embedding(tokens)[:, None]
        _, new = self.cell(x, state if len(state) == 2 else state[0])
        return self._last(new)

    def reorder(self, state: Cells, rows: Tensor) -> Cells:
        """See `Decodable.reorder`."""
        return tuple(part.index_select(1, rows) for part in state)

    def _last(self, state: Cells | Tensor) -> tuple[Tensor, Cells]:
        cells = state if isinstance(state, tuple) else (state,)
        return self._logits(cells[0][-1]), cells

    def _logits(self, x: Tensor) -> Tensor:
        return F.linear(x, self.embedding.weight, self.bias)


class LanguageModel(SelfTerminating[Cells]):
    """A recurrent language model with one of the three end-of-sequence heads.

    A loaded checkpoint sets `preprocess`, its `Tokenizer`.

    Args:
        sizes: the first arguments of `Recurrent`, in its order, or by name.
        eos_head: `softmax`, `self_terminating` or `non_monotonic` (default).
        eps: lower bound of a step's share of the end; default 1e-4.
        shape: the other arguments of `Recurrent`.

    Attributes:
        arguments: what it was built with, defaults included, as a dict.

    Raises:
        ValueError: if there is no such cell or head, or eps is not between 0 and 1.
    """

    preprocess: Tokenizer

    def __init__(
        self, *sizes: Any, eos_head: Kind = "non_monotonic", eps: float = 1e-4, **shape: Any
    ) -> None:
        body = Recurrent(*sizes, **shape)
        super().__init__(body, eps, eos_head=eos_head)
        self.arguments = {**body.arguments, "eos_head": eos_head, "eps": eps}
        with torch.no_grad():
            body.bias[END] = self.eos_head.bias(TYPICAL_LENGTH)

    def forward(self, tokens: Tensor) -> Tensor:
        """Predict the token after each position, all of them being the model's own.

        Args:
            tokens: int64 (batch, time), padded at the end.

        Returns:
            float32 (batch, time, vocabulary): log-probabilities.
        """
        return self.eos_head.log_probabilities(self.model(tokens))

    def nats(self, tokens: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return -log p of each token of whole texts, and which of them are a continuation.

        Args:
            tokens: int64 (batch, time), from the begin to the end of a text, then padding.
            context: int64 (batch,), how many tokens of each text are given, at least 1.

        Returns:
            float32 (batch, time - 1), 0 on padding; bool (batch, time - 1), false on the
            context and on padding.
        """
        targets = tokens[:, 1:]
        position = torch.arange(1, tokens.shape[1], device=tokens.device)
        counted = position >= context[:, None]
        nats = self.eos_head.nats(self.model(tokens[:, :-1]), targets, counted)
        real = targets != 0
        return nats * real, counted & real

    def generate(self, texts: list[str], **options: Any) -> list[str]:
        """Continue texts.

        Args:
            texts: any number of texts; an empty one is continued from nothing.
            options: those of `zoo.decoding.generate`, such as `method="beam"`, and `stop`, strings
                that end a text. Different defaults: `max_new_tokens` 256, and the tokens that are
                no text, such as the unknown one, are forbidden.

        Returns:
            The continuation of each text, without the text.

        Raises:
            TypeError: if `texts` is a single string.
        """
        require_texts(texts)
        prompts = [self.preprocess.prompt(text) for text in texts]
        return write(self, prompts, self.preprocess.decode, **{**WRITING, **options})

    def stream(self, text: str, **options: Any) -> Iterator[str]:
        """Continue a text piece by piece.

        Args:
            text: the text.
            options: as for `generate`; not for beams.

        Yields:
            Pieces of the continuation, as they come.
        """
        require_texts([text])
        prompt = self.preprocess.prompt(text)
        return stream(self, prompt, self.preprocess.decode, **{**WRITING, **options})

    def signature(self) -> Signature:
        """Return what it takes and gives when it is exported: those of `NextToken`."""
        body = self.arguments
        parts = 2 if body["cell"] == "lstm" else 1
        return Signature(
            NextToken(self),
            inputs={
                "tokens": torch.full((2,), BEGIN),
                "cells": torch.zeros(parts, body["layers"], 2, body["width"]),
                "carried": torch.zeros(2, 1),
            },
            axes={"tokens": ("batch",), "cells": ("", "", "batch", ""), "carried": ("batch", "")},
            outputs=("log_probabilities", "next_cells", "next_carried"),
            longest={},
        )


class NextToken(nn.Module):
    """One step of a language model, its state in tensors: what is exported, for any length.

    torch.export unrolls a recurrent network over the tokens at hand, a step it takes as it is.

    Args:
        model: the language model.
    """

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, tokens: Tensor, cells: Tensor, carried: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Read a token of each text, and predict the next.

        Args:
            tokens: int64 (batch,).
            cells: float (1 or 2, layers, batch, width), zeros before the first token.
            carried: float (batch, 1), zeros until the last token of the prompt is read: the head
                counts from the first token that is generated.

        Returns:
            float (batch, vocabulary), log-probabilities, or logits of a model with a softmax;
            `cells` and `carried` for the next step.
        """
        body = self.model.model
        log_p, state = self.model.step(tokens, Headed(body, cells.unbind(0), carried))
        return log_p, torch.stack(state.inner), state.carried
