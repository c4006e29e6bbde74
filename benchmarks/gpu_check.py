"""Claim: on a GPU every registered model does what it does on the CPU, in fp32 and in bf16.

Of each model, made tiny by its twin in `tests/conf`, and with its bundled checkpoint where it has
one:

- step: the gradients of the first step, beside the CPU's in fp32 (relative distance of all)
- fgm: the same under FGM, where there are embeddings; some recipes have it anyway
- use: what it generates, samples, predicts or links, beside the CPU in fp32 (largest difference of
  numbers; `same` or `other` words)
- valid: what it measures on one batch of validation, beside the CPU in fp32 (largest difference,
  relative above 1)
- resume: weights after four steps, cut after two, beside those of four steps at once
- ddp: the gradients of two processes beside those of one. Two GPUs are taken where there are two;
  else the processes share one, over gloo.

Nothing is read but the checkout. `!` marks what is over its limit: the exit status is then 1.

    python benchmarks/gpu_check.py                             # needs a GPU
    python benchmarks/gpu_check.py --cpu --only pictures_digits masks_poems_lm
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import torch
from lightning.pytorch.strategies import DDPStrategy, StrategyRegistry
from torch import nn

from zoo import hub, registry
from zoo.adversarial import FGM
from zoo.errors import one_line
from zoo.optim.step_noise import StepNoise
from zoo.training import run as training

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from ddp_gradients import GLOBAL_BATCH, SaveGradients, drop_nothing  # noqa: E402

PRECISIONS = {"fp32": "32-true", "bf16": "bf16-mixed"}
COLUMNS = ("step", "fgm", "use", "valid", "resume", "ddp")
LIMITS = {  # fp32, bf16
    "step": (1e-3, 0.5),
    "fgm": (1e-3, 0.5),
    "use": (1e-3, 0.3),
    "valid": (1e-2, 0.5),
    "resume": (1e-4, 1e-2),
    "ddp": (1e-3, 0.1),
}
STEPS, CUT = 4, 2
PAIR = "pair"  # the name of a strategy
TEXTS = ["床前明月光，疑是地上霜。", "这家酒店的房间很干净，服务也热情。"]
PATIENCE = 180  # seconds without another model done, after which the two processes hang


def assemble(name, device, precision, root, *options):
    """Build a tiny model, its data and its trainer on a device."""
    entry = registry.describe(name)
    recipes = ["--config", entry.recipe_path, "--config", ROOT / "tests/conf" / entry.recipe]
    trainer = {
        "accelerator": "gpu" if device == "cuda" else "cpu",
        "devices": 1,
        "precision": PRECISIONS[precision],
        "logger": "false",
        "default_root_dir": root,
        "enable_progress_bar": "false",
        "enable_model_summary": "false",
        "limit_val_batches": 0,
    }
    chosen = [word for key, value in trainer.items() for word in (f"--trainer.{key}", value)]
    parts = training.assemble([str(word) for word in (*recipes, *chosen, *options)])
    drop_nothing(parts.model)
    return parts


def gradients(name, device, precision, file, *, fgm=False, processes=1):
    """Return those of the first step, of a batch of all processes, on the CPU in fp32."""
    options = ["--trainer.max_steps", 1, "--data.batch_size", GLOBAL_BATCH // processes]
    options += ["--trainer.strategy", PAIR] if processes > 1 else []
    parts = assemble(name, device, precision, file.parent, *options)
    shift_along_gradients(parts.trainer.callbacks)
    saved = SaveGradients(file)
    parts.trainer.callbacks += [FGM(), saved] if fgm else [saved]
    parts.trainer.fit(parts.model, parts.datamodule)
    return {name: gradient.float().cpu() for name, gradient in saved.gradients.items()}


def shift_along_gradients(callbacks):
    """Let attacks by signs take one step, along the gradient itself.

    Where a gradient is near zero its sign is rounding's, and each step adds to what the one before
    has made of it.
    """
    for callback in callbacks:
        if getattr(getattr(callback, "place", None), "norm", None) == "linf":
            callback.place.norm, callback.steps = "l2", 1


def register_pair(device):
    """Give Lightning a strategy of two processes: on two GPUs, or both on the one device."""
    count = torch.cuda.device_count() if device == "cuda" else 0
    places = [torch.device(device, n % count) if count else torch.device("cpu") for n in (0, 1)]
    backend = "nccl" if count > 1 else "gloo"
    options = {"parallel_devices": places, "process_group_backend": backend}
    StrategyRegistry.register(PAIR, DDPStrategy, "two processes", **options)


def distance(found, expected):
    """Return the norm of the difference of two sets of tensors over that of the second."""
    if found.keys() != expected.keys():
        raise ValueError(f"other tensors: {sorted(found.keys() ^ expected.keys())[:3]}")
    pairs = [(found[n].double(), expected[n].double()) for n in expected]
    square = sum((a - b).square().sum() for a, b in pairs)
    return float((square / sum(b.square().sum() for _, b in pairs)).sqrt())


def draw_on_cpu():
    """Let the noise of a step be the CPU's on every device: a GPU draws other numbers."""
    draw = StepNoise._draw

    def drawn(self, *arguments):
        return draw(replace(self, device="cpu"), *arguments).to(self.device)

    StepNoise._draw = drawn
    return draw


def step(name, device, precision, folder, fgm=False):
    """Compare the gradients of a step with the CPU's."""
    draw = draw_on_cpu()
    try:
        expected = gradients(name, "cpu", "fp32", folder / "expected.pt", fgm=fgm)
        found = gradients(name, device, precision, folder / "found.pt", fgm=fgm)
    finally:
        StepNoise._draw = draw
    return distance(found, expected)


def fgm(name, device, precision, folder):
    """Compare the gradients of a step under FGM with the CPU's; None without embeddings."""
    parts = assemble(name, "cpu", "fp32", folder)
    attacked = any(isinstance(callback, FGM) for callback in parts.trainer.callbacks)
    embeds = any(isinstance(part, nn.Embedding) for part in parts.model.modules())
    if registry.describe(name).technique in ("gan", "nvae") or not embeds:
        return None
    return step(name, device, precision, folder, fgm=not attacked)


def use(name, device, precision, folder):
    """Compare what a model makes of the same input on both devices."""
    entry = registry.describe(name)
    parts = assemble(name, "cpu", "fp32", folder)
    if entry.checkpoint.is_dir():
        net = hub.load(name)
    else:
        net, data = parts.model.net.eval(), parts.datamodule
        for key in ("preprocess", "labels"):
            if hasattr(data, key):
                vars(net)[key] = getattr(data, key)
        vars(net).update(getattr(data, "attachments", {}))
    texts = TEXTS
    if entry.technique == "linking":
        texts = [text.text for text in parts.datamodule.texts("test")[:4]]
    expected = apply(net, entry.task, texts)
    reduced = torch.autocast(device, torch.bfloat16) if precision == "bf16" else nullcontext()
    with reduced:
        found = apply(net.to(device), entry.task, texts)
    return compare(found, expected)


def apply(net, task, texts):
    """Return what a network makes of an input: a tensor, or words and probabilities in turn."""
    if hasattr(net, "sample"):
        return net.sample(4, seed=0).float().cpu()
    if hasattr(net, "generate"):
        return net.generate(texts, max_new_tokens=12)
    if hasattr(net, "link"):
        return [x for found in net.link(texts) for m in found for x in (m.entity, m.probability)]
    inputs = texts
    if "image" in task:
        inputs = list(torch.rand(4, 1, 28, 28, generator=torch.Generator().manual_seed(0)))
    return [x for made in net.predict(inputs) for x in (made.label, made.probability)]


def compare(found, expected):
    """Return the largest difference of numbers, or whether the words are the same."""
    if isinstance(found, torch.Tensor):
        if not found.isfinite().all():
            raise ValueError("not finite")
        return float((found - expected).abs().max())
    numbers = [(a, b) for a, b in zip(found, expected, strict=True) if isinstance(b, float)]
    words = [(a, b) for a, b in zip(found, expected, strict=True) if not isinstance(b, float)]
    if any(a != b for a, b in words):
        return "other"
    return max((abs(a - b) for a, b in numbers), default="same")


def valid(name, device, precision, folder):
    """Compare what a model measures on one batch of validation with the CPU's figures."""
    expected = measures(name, "cpu", "fp32", folder)
    found = measures(name, device, precision, folder)
    if found.keys() != expected.keys():
        raise ValueError(f"other measures: {sorted(found.keys() ^ expected.keys())}")
    return max(abs(found[n] - e) / max(1, abs(e)) for n, e in expected.items())


def measures(name, device, precision, folder):
    """Return what a model measures on one batch of validation."""
    parts = assemble(name, device, precision, folder, "--trainer.limit_val_batches", 1)
    (found,) = parts.trainer.validate(parts.model, parts.datamodule, verbose=False)
    return found


def resume(name, device, precision, folder):
    """Compare the weights of a run that was cut with those of one that was not."""
    options = ["--trainer.max_steps", STEPS, "--data.batch_size", 4]
    options += ["--checkpoint.dirpath", folder, "--checkpoint.save_top_k", -1]
    options += ["--checkpoint.every_n_train_steps", 1]
    states = []
    for start in (None, CUT):
        parts = assemble(name, device, precision, folder, *options)
        parts.trainer.fit(
            parts.model,
            parts.datamodule,
            ckpt_path=start and next(folder.glob(f"*step={start}.ckpt")),
            weights_only=start and True,
        )
        states.append({n: t.float().cpu() for n, t in parts.model.net.state_dict().items()})
    return distance(*reversed(states))


def pair(names, device, folder):
    """Leave the gradients of each model in `folder`, as one of two processes."""
    register_pair(device)
    for name in names:
        for precision in PRECISIONS:
            file = folder / f"{name}.{precision}.two"
            gradients(name, device, precision, file, processes=2)
            if os.environ["LOCAL_RANK"] == "0":
                file.rename(file.with_suffix(".pt"))  # it is whole
            torch.distributed.barrier()


def run_pairs(names, device, folder):
    """Run two processes over all models; where they fail or hang, go on behind that model.

    Returns:
        What the processes said of the models that failed, by name.
    """
    failed, left = {}, list(names)
    while left:
        codes = run_pair(left, device, folder)
        undone = [n for n in left if not (folder / f"{n}.bf16.pt").exists()]
        if undone:
            log = folder / f"{1 if codes[1] else 0}.log"
            said = log.read_text().strip().splitlines()[-1:] if any(codes) else ["they hang"]
            failed[undone[0]] = " ".join(said)
        left = undone[1:]
    return failed


def run_pair(names, device, folder):
    """Start two processes, wait until they end, one fails or both hang; return their codes."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    command = [sys.executable, __file__, "--pair", str(folder), "--only", *names]
    command += ["--cpu"] if device == "cpu" else []
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "NODE_RANK": "0", "WORLD_SIZE": "2"}
    running = []
    for rank in (0, 1):
        with (folder / f"{rank}.log").open("w") as log:
            env = {**os.environ, **where, "LOCAL_RANK": str(rank)}
            running.append(subprocess.Popen(command, env=env, stdout=log, stderr=log))
    done, since = 0, time.monotonic()
    while None in (codes := [p.poll() for p in running]) and not any(codes):
        if (count := len(list(folder.glob("*.pt")))) > done:
            done, since = count, time.monotonic()
        if time.monotonic() - since > PATIENCE:
            break
        time.sleep(0.05)
    for process in running:
        process.kill()
        process.wait()
    return codes


def ddp(name, device, precision, folder, pairs, failed):
    """Compare the gradients of two processes, which are there already, with those of one."""
    found = pairs / f"{name}.{precision}.pt"
    if not found.exists():
        raise ValueError(failed.get(name, "no time left"))
    two = torch.load(found, weights_only=True, map_location="cpu")
    one = gradients(name, device, precision, folder / "one.pt")
    return distance({n: t.float() for n, t in two.items()}, one)


def cell(check, column, precision, *arguments):
    """Run one check; return its cell and, if it is over the limit or fails, what is wrong."""
    limit = LIMITS[column][precision == "bf16"]
    try:
        with tempfile.TemporaryDirectory() as folder:
            value = check(*arguments[:2], precision, Path(folder), *arguments[2:])
    except Exception as error:
        return "failed!", f"{type(error).__name__}: {one_line(error)[:300]}"
    if value is None:
        return "-", ""
    if isinstance(value, str):
        over = value == "other" and precision == "fp32"
        return value + "!" * over, "other words than on the CPU" * over
    over = not value <= limit
    return f"{value:.0e}" + "!" * over, f"{value:.3g} is over {limit}" * over


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cpu", action="store_true", help="check the CPU against itself")
    parser.add_argument("--only", nargs="+", default=registry.list_models(), metavar="MODEL")
    parser.add_argument("--pair", type=Path, help=argparse.SUPPRESS)  # as one of two processes
    given = parser.parse_args()
    device = "cpu" if given.cpu else "cuda"
    if device == "cuda" and not torch.cuda.is_available():
        sys.exit("no GPU here: --cpu runs the checks on the CPU")
    os.chdir(ROOT)
    warnings.filterwarnings("ignore", module="lightning")
    torch.backends.cudnn.allow_tf32 = False  # fp32 is to be fp32
    if given.pair:
        pair(given.only, device, given.pair)
        return
    start = time.perf_counter()
    name = "CPU" if given.cpu else torch.cuda.get_device_name()
    print(f"{name}, {max(1, torch.cuda.device_count())} of them; torch {torch.__version__}\n")
    print(f"| model | {' | '.join(f'{c} {p}' for c in COLUMNS for p in PRECISIONS)} |")
    print(f"|---|{'---:|' * len(COLUMNS) * len(PRECISIONS)}")
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        pairs = Path(folder)
        failed = run_pairs(given.only, device, pairs)
        checks = {"step": step, "fgm": fgm, "use": use, "valid": valid, "resume": resume}
        for model in given.only:
            cells = []
            for column in COLUMNS:
                for precision in PRECISIONS:
                    more = (pairs, failed) if column == "ddp" else ()
                    check = checks.get(column, ddp)
                    shown, complaint = cell(check, column, precision, model, device, *more)
                    cells.append(shown)
                    wrong += [f"{model}, {column} {precision}: {complaint}"] if complaint else []
            print(f"| `{model}` | {' | '.join(cells)} |", flush=True)
    print(f"\n{time.perf_counter() - start:.0f} s; {len(wrong)} cells are wrong", *wrong, sep="\n")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
