"""Claims: the masked Transformer beside the BERT of `transformers` with the same weights.

- A training step takes at most 0.9 of BertForMaskedLM's (SDPA): its loss reads 15 % of the
  positions, and here the head is applied to those alone. The gradients are compared first.
- Cached decoding gives at least twice the tokens per second of BertLMHeadModel (the share of the
  tokens that are the same is printed) and of EncoderDecoderModel (the same weights in both of its
  halves, the cross-attention random), greedy and with a beam of 4, for 1 and 16 prompts at a time,
  and as samples, eight of each of four prompts, that end after 16 tokens on average.
- It gives at least ten times those of decoding without a cache, for 16 prompts.

One process, one thread. Time is the process's CPU time, which on an idle machine is the wall's;
the two sides alternate, and a ratio is the median over the pairs.
"""

import argparse
import copy
import math
import statistics
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    GenerationConfig,
)

from zoo import decoding, masks
from zoo.masks.bert import translate
from zoo.masks.decodable import DecodableTransformer

VOCABULARY, WIDTH, DEPTH, HEADS = 8000, 256, 4, 4
BATCH, TIME, SHARE = 32, 128, 0.15  # of a training step
SOURCE, TARGET = 64, 64  # tokens read and tokens written
EOS, SAMPLES = 3, 8
STEP_LIMIT, DECODING_LIMIT, CACHE_LIMIT = 0.9, 2.0, 10.0


def config(**more) -> BertConfig:
    """BERT's configuration at the benchmark's size."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": WIDTH,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "intermediate_size": 4 * WIDTH,
    }
    return BertConfig(**sizes, attn_implementation="sdpa", **more)


def as_ours(theirs: torch.nn.Module) -> masks.Transformer:
    """Return our network with the weights of a BERT."""
    net = masks.Transformer(VOCABULARY, WIDTH, DEPTH, HEADS)
    net.load_state_dict(translate({n: t.clone() for n, t in theirs.state_dict().items()}))
    return net


def pairs(ours: Callable, theirs: Callable, repeats: int) -> tuple[float, float, list[float]]:
    """Time two functions in turn: medians in CPU seconds, and the ratio theirs / ours of each."""
    seconds: dict[Callable, list[float]] = {ours: [], theirs: []}
    for repeat in range(repeats + 1):
        for function in (ours, theirs) if repeat % 2 else (theirs, ours):
            start = time.process_time()
            function()
            seconds[function].append(time.process_time() - start)
    mine, others = (seconds[function][1:] for function in (ours, theirs))  # the first warms up
    ratios = [b / a for a, b in zip(mine, others, strict=True)]
    return statistics.median(mine), statistics.median(others), ratios


def verdict(name: str, ratios: list[float], limit: float) -> None:
    """Print a ratio that should be at least a limit."""
    low, middle, high = statistics.quantiles(ratios, n=4)
    said = "yes" if middle >= limit else "NO"
    print(f"{name}: {middle:.2f} (quartiles {low:.2f} to {high:.2f}), at least {limit}: {said}")


def training(repeats: int) -> None:
    """Compare steps of masked language modelling: forward, backward, AdamW."""
    for dropout in (0.0, 0.1):
        theirs = BertForMaskedLM(config(attention_probs_dropout_prob=dropout))
        ours = as_ours(theirs)
        ids = torch.randint(5, VOCABULARY, (BATCH, TIME))
        chosen = torch.rand(BATCH, TIME) < SHARE
        labels = ids.masked_fill(~chosen, -100)

        def our_loss(ours=ours, ids=ids, chosen=chosen) -> Tensor:
            return F.cross_entropy(ours.logits(ours.encode(ids)[chosen]), ids[chosen])

        def their_loss(theirs=theirs, ids=ids, labels=labels) -> Tensor:
            return theirs(ids, labels=labels).loss

        require_equal_gradients(ours.eval(), our_loss, theirs.eval(), their_loss)
        mine = step(ours.train(), our_loss)
        a, b, ratios = pairs(mine, step(theirs.train(), their_loss), repeats)
        low, middle, high = statistics.quantiles([1 / ratio for ratio in ratios], n=4)
        print(
            f"training step, {BATCH} x {TIME}, attention dropout of BertForMaskedLM {dropout}: "
            f"ours {1e3 * a:.0f} ms, theirs {1e3 * b:.0f} ms, ratio {middle:.2f} (quartiles "
            f"{low:.2f} to {high:.2f}), at most {STEP_LIMIT}: "
            f"{'yes' if middle <= STEP_LIMIT else 'NO'}",
            flush=True,
        )


def require_equal_gradients(ours, our_loss, theirs, their_loss) -> None:
    """Check that the two losses are the same function of the embeddings."""
    for net, loss in ((ours, our_loss), (theirs, their_loss)):
        net.zero_grad()
        loss().backward()
    found = ours.encoder.token_embedding.weight.grad
    expected = theirs.get_input_embeddings().weight.grad
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def step(net: torch.nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """Return a step of training."""
    optimizer = torch.optim.AdamW(net.parameters(), lr=1e-5, fused=True)

    def run() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return run


def generation(beam: int) -> GenerationConfig:
    """Return the settings of `transformers`: exactly TARGET tokens."""
    return GenerationConfig(
        max_new_tokens=TARGET,
        num_beams=beam,
        do_sample=False,
        pad_token_id=0,
        decoder_start_token_id=2,
        eos_token_id=None,
        use_cache=True,
    )


@torch.inference_mode()
def cached(repeats: int) -> None:
    """Compare cached decoding with both models of `transformers`."""
    causal = BertLMHeadModel(config(is_decoder=True)).eval()
    net = as_ours(causal).eval()
    both = EncoderDecoderModel(
        EncoderDecoderConfig.from_encoder_decoder_configs(config(), config())
    ).eval()
    both.encoder.load_state_dict(causal.bert.state_dict(), strict=False)
    both.decoder.load_state_dict(causal.state_dict(), strict=False)
    for batch in (1, 16):
        prompts = torch.randint(5, VOCABULARY, (batch, SOURCE))
        for beam in (1, 4):

            def ours(task: str, prompts=prompts, beam=beam) -> Tensor:
                method = "beam" if beam > 1 else "greedy"
                made = decoding.generate(
                    DecodableTransformer(net, task),
                    prompts,
                    method=method,
                    beam=beam,
                    max_new_tokens=TARGET,
                )
                return made.sequences

            def theirs(model, prompts=prompts, beam=beam) -> Tensor:
                made = model.generate(
                    prompts,
                    attention_mask=torch.ones_like(prompts),
                    generation_config=copy.deepcopy(generation(beam)),
                )
                return made[:, -TARGET:]

            same = (ours("lm") == theirs(causal)).float().mean()
            for name, task, model in (
                ("BertLMHeadModel", "lm", causal),
                ("EncoderDecoderModel", "seq2seq", both),
            ):
                a, b, ratios = pairs(lambda t=task: ours(t), lambda m=model: theirs(m), repeats)
                how = f"beam {beam}" if beam > 1 else "greedy"
                count = batch * TARGET
                verdict(
                    f"{name}, batch {batch}, {how}: ours {count / a:.0f}, theirs {count / b:.0f} "
                    "tokens/s, ratio",
                    ratios,
                    DECODING_LIMIT,
                )
            print(f"  {100 * same:.1f} % of the tokens are BertLMHeadModel's", flush=True)


@torch.inference_mode()
def sampled(repeats: int, batch: int = 4) -> None:
    """Compare samples that end at different steps, each with the chance of 1 in 16 at a step."""
    causal = BertLMHeadModel(config(is_decoder=True)).eval()
    causal.cls.predictions.bias[EOS] = math.log(VOCABULARY / 15)
    net = as_ours(causal).eval()
    prompts = torch.randint(5, VOCABULARY, (batch, SOURCE))
    settings = GenerationConfig(
        max_new_tokens=TARGET,
        do_sample=True,
        top_k=0,
        num_return_sequences=SAMPLES,
        pad_token_id=0,
        eos_token_id=EOS,
    )
    lengths: dict[str, list[float]] = {"ours": [], "theirs": []}

    def ours() -> None:
        model = DecodableTransformer(net, "lm")
        options = {"method": "sample", "samples": SAMPLES, "eos_id": EOS}
        made = decoding.generate(model, prompts, max_new_tokens=TARGET, **options)
        lengths["ours"].append(made.lengths.float().mean().item())

    def theirs() -> None:
        seen = torch.ones_like(prompts)
        made = causal.generate(prompts, attention_mask=seen, generation_config=settings)
        lengths["theirs"].append((made[:, SOURCE:] != 0).sum(1).float().mean().item())

    a, b, ratios = pairs(ours, theirs, repeats)
    verdict(
        f"BertLMHeadModel, {SAMPLES} samples of {batch} prompts: ours {a:.2f} s, theirs {b:.2f} s "
        f"({statistics.mean(lengths['ours']):.1f} and {statistics.mean(lengths['theirs']):.1f} "
        "tokens a sample), ratio of the times",
        ratios,
        DECODING_LIMIT,
    )


@torch.inference_mode()
def uncached(repeats: int, batch: int = 16) -> None:
    """Compare greedy decoding with and without a cache, both ours, under UniLM's mask."""
    net = as_ours(BertLMHeadModel(config(is_decoder=True))).eval()
    prompts = torch.randint(5, VOCABULARY, (batch, SOURCE))

    def without() -> Tensor:
        ids, segments = prompts, torch.zeros_like(prompts)
        for _ in range(TARGET):
            states = net.encode(ids, segments, masks.unilm(segments))
            ids = torch.cat([ids, net.logits(states[:, -1]).argmax(-1, keepdim=True)], 1)
            segments = torch.cat([segments, torch.ones_like(ids[:, :1])], 1)
        return ids[:, SOURCE:]

    def with_cache() -> Tensor:
        return decoding.generate(
            DecodableTransformer(net), prompts, max_new_tokens=TARGET
        ).sequences

    same = (without() == with_cache()).float().mean()
    a, b, ratios = pairs(with_cache, without, repeats)
    verdict(
        f"no cache, batch {batch}, greedy: {batch * TARGET / a:.0f} with, {batch * TARGET / b:.0f} "
        f"tokens/s without, {100 * same:.1f} % the same, ratio",
        ratios,
        CACHE_LIMIT,
    )


PARTS = (training, cached, sampled, uncached)


def main() -> None:
    """Print every figure and its verdict."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9, help="pairs a figure; default 9")
    parser.add_argument("--only", choices=[part.__name__ for part in PARTS])
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    for part in PARTS:
        if options.only in (None, part.__name__):
            part(options.repeats if part is not uncached else 3)


if __name__ == "__main__":
    main()
