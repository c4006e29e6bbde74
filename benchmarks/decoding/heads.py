"""Claim: an end-of-sequence head costs at most 3 % of a decoding step and of a training step.

Each repeat runs plain softmax and the two heads one after the other in this process, around one
network, so that its weights lie at the same place for all, and the printed figure is the median of
the ratios to the softmax of the same repeat, with its quartiles: what else runs on the machine
falls on both sides. The order turns from repeat to repeat, and seconds are CPU seconds of the
process. Decoding is greedy, a fixed number of steps of the engine, batch 1 and 16, of a GPT-2 of
5 M parameters and of an LSTM; training is forward and backward of the LSTM.

    python benchmarks/decoding/heads.py
"""

import argparse
import statistics
import time

import torch
from transformers import GPT2Config, GPT2LMHeadModel

from zoo.decoding import SelfTerminating, as_decodable, generate
from zoo.decoding.losses import KINDS
from zoo.decoding.net import LanguageModel

VOCABULARY, STEPS = 8000, 64
END = 3
MOST = 1.03


def decoding(model, batch):
    """Return a function that decodes STEPS tokens of each row; no row is told to end."""
    prompts = torch.randint(4, VOCABULARY, (batch, 16), generator=torch.Generator().manual_seed(0))
    return lambda: generate(model, prompts, max_new_tokens=STEPS, eos_id=[])


def training(model):
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(4, VOCABULARY, (32, 50), generator=generator)
    tokens[:, 0], tokens[:, -1] = 2, END
    context = torch.full((32,), 7)

    def step():
        model.zero_grad()
        nats, _ = model.nats(tokens, context)
        nats.mean().backward()

    return step


def cpu_seconds(function):
    start = time.process_time()
    function()
    return time.process_time() - start


def compare(name, functions, repeats):
    """Print what each head's function takes, over plain softmax's, in interleaved runs."""
    for function in functions.values():
        function()
    times = {kind: [] for kind in functions}
    for repeat in range(repeats):
        order = list(functions)
        for kind in order[repeat % 3 :] + order[: repeat % 3]:
            times[kind].append(cpu_seconds(functions[kind]))
    plain = times["softmax"]
    for kind in KINDS[1:]:
        ratios = [a / b for a, b in zip(times[kind], plain, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        verdict = "yes" if middle <= MOST else "NO"
        milliseconds = 1000 * statistics.median(plain)
        print(
            f"| {name} | {kind} | {100 * (middle - 1):+.2f} % ({100 * (low - 1):+.2f} to "
            f"{100 * (high - 1):+.2f}) | {milliseconds:.1f} | {verdict} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=60)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = {"n_positions": 128, "n_embd": 256, "n_layer": 4, "n_head": 4}
    config = GPT2Config(vocab_size=VOCABULARY, bos_token_id=END, eos_token_id=END, **shape)
    gpt2 = GPT2LMHeadModel(config).eval()
    lstm = {kind: LanguageModel(VOCABULARY, eos_head=kind) for kind in KINDS}
    body = lstm["softmax"].model
    for model in lstm.values():
        model.model = body
    print("| | head | cost over softmax (quartiles) | softmax, ms | at most 3 % |")
    print("| --- | --- | --- | --- | --- |")
    for batch in (1, 16):
        for name, model in (("GPT-2", as_decodable(gpt2)), ("LSTM", body.eval())):
            heads = {
                kind: decoding(SelfTerminating(model, eos_head=kind, eos_id=END), batch)
                for kind in KINDS[1:]
            }
            plain = {"softmax": decoding(model, batch)}
            compare(f"{name}, batch {batch}", plain | heads, options.repeats)
    functions = {kind: training(lstm[kind].train()) for kind in KINDS}
    compare("LSTM, training step", functions, options.repeats)


if __name__ == "__main__":
    main()
