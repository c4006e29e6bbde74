"""Claim: the engine gives the output of `transformers`, in 0.4 to 0.7 of its time.

One process, one thread, the same weights: a GPT-2 of 5.3 M random parameters (4 layers of 256,
8,000 tokens). Three parts:

- `same`: greedy and beam 4 on 500 prompts of 1 to 64 tokens, 32 new ones, in float64, so that
  rounding does not decide between two tokens; and how many are the same in float32. The end token
  is the one that greedy decoding gives most often, so that rows end at many places.
- `speed`: tokens per second, prompts of 64 tokens, 64 new ones, batch 1 and 16. Ours and theirs in
  turn; the figure is the median of the ratios of neighbours, with their quartiles. Our weights are
  packed once, by `as_decodable`, as for a model that serves many calls; what that takes is printed.
- `consistent`: what keeping the end token costs: a consistent filter against the plain one on the
  same logits, and sampling with one against sampling with the other. Both in turn, in the order
  A B B A, so that each block gives a ratio free of drift; medians and quartiles of the blocks.

Seconds are CPU seconds of the process, which one thread on an idle core takes by the clock.

    python benchmarks/decoding/speed.py
"""

import argparse
import functools
import statistics
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from zoo.decoding import Consistent, as_decodable, generate
from zoo.decoding.engine.filters import TopK, TopP
from zoo.decoding.engine.prompts import pad_prompts

VOCABULARY, PROMPT, NEW, BEAM = 8000, 64, 64, 4
WANTED = {1: 2.0, 16: 1.5}
MOST = 1.03


def build():
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=VOCABULARY,
        n_positions=256,
        n_embd=256,
        n_layer=4,
        n_head=4,
        initializer_range=0.1,
        bos_token_id=0,
        eos_token_id=None,
        pad_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


def theirs(model, tokens, valid, new=NEW, **options):
    return model.generate(
        tokens, attention_mask=valid.long(), do_sample=False, max_new_tokens=new, **options
    )[:, tokens.shape[1] :]


def searching(beam):
    """Return our options for a beam of that width."""
    return {"method": "beam", "beam": beam} if beam > 1 else {"method": "greedy"}


def random_prompts(count):
    generator = torch.Generator().manual_seed(1)
    lengths = torch.randint(1, PROMPT + 1, (count,), generator=generator).tolist()
    return [torch.randint(1, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


def same(model, count, batch=50, new=32):
    """Print how many prompts are continued just as `transformers` does."""
    prompts = random_prompts(count)
    trial = generate(model, prompts[:50], max_new_tokens=new).sequences.flatten()
    eos = int(trial.bincount().argmax())
    table("", "same output", "of", "came to their end")
    for dtype in (torch.float64, torch.float32):
        model.to(dtype)
        for name, beam in (("greedy", 1), ("beam 4", BEAM)):
            equal, ended = 0, 0
            for start in range(0, count, batch):
                chosen = prompts[start : start + batch]
                ours = generate(model, chosen, max_new_tokens=new, eos_id=eos, **searching(beam))
                options = {"num_beams": beam, "eos_token_id": eos, "pad_token_id": eos}
                tokens, valid = pad_prompts(chosen)
                expected = theirs(model, tokens, valid, new, **options)
                padded = torch.full_like(expected, eos)
                padded[:, : ours.sequences.shape[1]] = ours.sequences[:, : expected.shape[1]]
                equal += int((padded == expected).all(1).sum())
                ended += int(ours.finished.sum())
            row(f"{str(dtype)[6:]}, {name}", equal, count, ended)


def seconds(function, times=1):
    start = time.process_time()
    for _ in range(times):
        function()
    return time.process_time() - start


def quartiles(ratios):
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.3f} ({low:.3f} to {high:.3f})", middle


def extensions():
    """Return the vector extensions that torch uses on this processor."""
    return torch.backends.cpu.get_cpu_capability()


def table(*columns):
    """Print the head of a Markdown table."""
    row(*columns)
    row(*("---" for _ in columns))


def row(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def speed(model, repeats):
    """Print tokens per second and their ratio."""
    generator = torch.Generator().manual_seed(2)
    packed = as_decodable(model)
    packing = statistics.median(seconds(lambda: as_decodable(model)) for _ in range(repeats))
    print(f"vector extensions: {extensions()}; packing the weights: {1000 * packing:.1f} ms\n")
    table("", "tokens a second", "`transformers`", "ratio", "wanted", "same output")
    for batch, wanted in WANTED.items():
        tokens = torch.randint(1, VOCABULARY, (batch, PROMPT), generator=generator)
        valid = torch.ones_like(tokens)
        for name, beam in (("greedy", 1), ("beam 4", BEAM)):
            options = {"max_new_tokens": NEW, **searching(beam)}
            ours = functools.partial(generate, packed, tokens, **options)
            other = functools.partial(theirs, model, tokens, valid, num_beams=beam)
            match = torch.equal(ours().sequences, other())
            runs = [(seconds(ours), seconds(other)) for _ in range(repeats)]
            our_rate, their_rate = (
                batch * NEW / statistics.median(column) for column in zip(*runs, strict=True)
            )
            text, ratio = quartiles([b / a for a, b in runs])
            verdict = "yes" if ratio >= wanted else "NO"
            verdict = f"at least {wanted}: {verdict}"
            setting = f"batch {batch}, {name}"
            row(setting, f"{our_rate:.0f}", f"{their_rate:.0f}", text, verdict, match)


def paired(plain, other, blocks, times=1):
    """Return `other / plain` of each block of A B B A."""
    seconds(plain), seconds(other)
    ratios = []
    for _ in range(blocks):
        order = (plain, other, other, plain)
        a, b, c, d = (seconds(function, times) for function in order)
        ratios.append((b + c) / (a + d))
    return ratios


def report_cost(name, ratios):
    text, ratio = quartiles(ratios)
    verdict = "yes" if ratio <= MOST else "NO"
    row(name, text, f"at most {MOST}: {verdict}")


def sampling(model, batch, options):
    """Return two functions that sample 16 tokens a row: plain filter, consistent filter."""
    generator = torch.Generator().manual_seed(4)
    tokens = torch.randint(1, VOCABULARY, (batch, PROMPT), generator=generator)
    options = {"method": "sample", "max_new_tokens": 16, "eos_id": 7, "generator": 0, **options}
    return [
        functools.partial(generate, model, tokens, consistent=kept, **options)
        for kept in (False, True)
    ]


def consistent(model, blocks):
    """Print what the end token costs a filter, and what it costs sampling."""
    generator = torch.Generator().manual_seed(3)
    table("consistent over plain", "ratio", "wanted")
    for vocabulary in (VOCABULARY, 50_257):
        scores = 3 * torch.randn(16, vocabulary, generator=generator)
        for plain in (TopK(50), TopP(0.9)):
            calls = [functools.partial(f, None, scores) for f in (plain, Consistent(plain, 7))]
            times = max(1, int(0.02 / seconds(calls[0])))
            report_cost(f"{plain}, 16 x {vocabulary}", paired(*calls, blocks, times))
    for batch in WANTED:
        for options in ({"top_k": 50}, {"top_p": 0.9}):
            calls = sampling(as_decodable(model), batch, options)
            report_cost(f"sampling {options}, batch {batch}", paired(*calls, blocks))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", default=["speed", "consistent", "same"])
    parser.add_argument("--repeats", type=int, default=11, help="runs of each side; default 11")
    parser.add_argument("--prompts", type=int, default=500, help="prompts of `same`; default 500")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    model = build()
    parts = {
        "speed": lambda: speed(model, arguments.repeats),
        "consistent": lambda: consistent(model, 2 * arguments.repeats),
        "same": lambda: same(model, arguments.prompts),
    }
    for part in arguments.parts:
        print(f"\n{part}\n")
        parts[part]()


if __name__ == "__main__":
    main()
