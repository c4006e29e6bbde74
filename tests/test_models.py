"""What holds for every registered model: a new one is tested by existing."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from conftest import ROOT, assemble, twin

from zoo import checkpoint, cli, hub, registry
from zoo.checkpoint import card
from zoo.checkpoint.header import count_parameters
from zoo.training import run as training
from zoo.training.recipes import expand

MODELS = registry.list_models()
BUNDLED = [name for name in MODELS if registry.describe(name).checkpoint.is_dir()]
ONE_A_CLASS = sorted(  # one model of each class of module
    {
        yaml.safe_load(registry.describe(name).recipe_path.read_text("utf-8"))["model"][
            "class_path"
        ]: name
        for name in reversed(MODELS)
    }.values()
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """Fit each tiny model once; return the folder of its run."""
    runs = {}

    def fit(name):
        if name not in runs:
            root = tmp_path_factory.mktemp(name)
            cli.run(["fit", name, *twin(name), "--trainer.default_root_dir", str(root)])
            runs[name] = root / name / "version_0"
        return runs[name]

    return fit


@pytest.mark.parametrize("name", MODELS)
def test_the_entry_is_complete(name):
    entry = registry.describe(name)
    assert entry.summary.endswith(".")
    assert entry.paper
    assert not entry.post or entry.post.startswith("https://kexue.fm/archives/")
    assert (registry.PACKAGE / entry.technique / "README.md").is_file()
    assert all(data.content and data.terms for data in entry.data)


@pytest.mark.parametrize("name", MODELS)
def test_the_recipe_names_its_model_and_uses_every_device(name):
    text = registry.describe(name).recipe_path.read_text("utf-8")
    assert text.startswith("#")
    recipe = yaml.safe_load(text)
    assert recipe["name"] == name
    trainer = {"accelerator": "auto", "devices": "auto", "strategy": "auto"}
    assert trainer | recipe["trainer"] == recipe["trainer"] | trainer


@pytest.mark.parametrize("overlay", sorted(ROOT.glob("recipes/trainer/*.yaml")))
def test_an_overlay_changes_the_trainer_alone(overlay):
    plain = assemble(MODELS[0])
    laid_over = assemble(MODELS[0], "--config", str(overlay))
    assert laid_over.config.model == plain.config.model
    assert laid_over.config.data == plain.config.data
    assert laid_over.config.trainer != plain.config.trainer


@pytest.mark.parametrize("name", MODELS)
def test_the_gradient_reaches_every_parameter(name):
    parts = assemble(name)
    module = parts.model.train()
    losses = module.losses(next(iter(parts.datamodule.train_dataloader())))
    sum(losses.values()).backward()
    trained = {n: p for n, p in module.named_parameters() if p.requires_grad}
    assert [n for n, p in trained.items() if p.grad is None or not p.grad.any()] == []


@pytest.mark.train
@pytest.mark.parametrize("name", MODELS)
def test_the_schedule_of_the_learning_rate_can_be_chosen(name, tmp_path):
    schedule = ["--lr_scheduler", "StepLR", "--lr_scheduler.step_size", "1"]
    run = ["--trainer.max_steps", "2", "--trainer.limit_val_batches", "0"]
    root = ["--trainer.default_root_dir", str(tmp_path), "--trainer.logger", "false"]
    plain, chosen = (assemble(name, *options, *run, *root) for options in ([], schedule))
    for parts in (plain, chosen):
        parts.trainer.fit(parts.model, parts.datamodule)
    made = [type(o) for parts in (plain, chosen) for o in parts.trainer.optimizers]
    assert made[: len(made) // 2] == made[len(made) // 2 :]
    for config in chosen.trainer.lr_scheduler_configs:
        assert isinstance(config.scheduler, torch.optim.lr_scheduler.StepLR)
        assert config.scheduler.last_epoch > 0  # of a run of steps it counts steps
        assert config.scheduler.base_lrs == [
            g["initial_lr"] for g in config.scheduler.optimizer.param_groups
        ]


@pytest.mark.train
@pytest.mark.parametrize("name", MODELS)
def test_a_fit_ends_in_a_checkpoint_folder_with_the_weights_of_its_last_step(name, fitted):
    run = fitted(name)
    net = checkpoint.load(run / "checkpoint")
    card.check(run / "checkpoint")
    last = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    for tensor, value in net.state_dict().items():
        torch.testing.assert_close(value, last[f"net.{tensor}"], rtol=0, atol=0)


@pytest.mark.train
@pytest.mark.parametrize("name", MODELS)
def test_the_module_reloads_with_weights_only(name, fitted):
    module = type(assemble(name).model)
    last = fitted(name) / "checkpoints" / "last.ckpt"
    reloaded = module.load_from_checkpoint(last, weights_only=True)
    state = torch.load(last, weights_only=True)["state_dict"]
    assert all(torch.equal(value, state[key]) for key, value in reloaded.state_dict().items())


@pytest.mark.train
@pytest.mark.parametrize("name", MODELS)
def test_the_recipe_of_the_folder_measures_what_its_metrics_say(name, fitted):
    folder = fitted(name) / "checkpoint"
    said = {row["metric"]: row["value"] for row in card.read_metrics(folder)}
    measured = training.start(expand(["test", str(folder)])).trainer.callback_metrics
    assert {k: float(v) for k, v in measured.items()} == pytest.approx(said, abs=1e-6)


@pytest.mark.train
@pytest.mark.parametrize("name", MODELS)
def test_fine_tuning_starts_from_the_weights(name, fitted, tmp_path):
    source = fitted(name) / "checkpoint"
    parts = assemble(name, "--from", str(source))
    expected = checkpoint.load(source).state_dict()
    for tensor, value in parts.model.net.state_dict().items():
        assert torch.equal(value, expected[tensor])


@pytest.mark.slow
@pytest.mark.train
@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_a_killed_fit_resumes_to_the_same_weights(name, fitted, tmp_path):
    expected = fitted(name) / "checkpoint"
    arguments = ["fit", name, *twin(name), "--trainer.default_root_dir", str(tmp_path)]
    arguments += ["--checkpoint.save_top_k", "-1"]  # a file for each step
    run = tmp_path / name / "version_0"
    last = torch.load(expected.parent / "checkpoints" / "last.ckpt", weights_only=True)
    steps = last["global_step"]
    step = random.SystemRandom().randint(2, steps - 3)  # fits seed the other generators
    print(f"killed after step {step} of {steps}")
    process = subprocess.Popen([sys.executable, "-m", "zoo", *arguments], cwd=ROOT)
    while not any(run.glob(f"checkpoints/*step={step}.ckpt")):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (run / "checkpoint").exists()
    cli.run([*arguments, "--ckpt_path", "last"])
    resumed = tmp_path / name / "version_1" / "checkpoint"
    weights = [(folder / "model.safetensors").read_bytes() for folder in (resumed, expected)]
    assert weights[0] == weights[1]


@pytest.mark.ddp
@pytest.mark.slow
@pytest.mark.timeout(1100)
@pytest.mark.parametrize("name", ONE_A_CLASS)
def test_two_processes_have_the_gradients_of_one(name, tmp_path):
    found = []
    for processes in (1, 2):
        file = tmp_path / f"{processes}.pt"
        script = [sys.executable, str(ROOT / "tests/ddp_gradients.py")]
        subprocess.run(
            [*script, name, str(processes), str(file)],
            check=True,
            timeout=500,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
        )
        found.append(torch.load(file, weights_only=True))
    one, two = found
    assert one.keys() == two.keys()
    for parameter in one:
        torch.testing.assert_close(two[parameter], one[parameter], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_checkpoint_is_whole_and_its_card_true(name):
    folder = registry.describe(name).checkpoint
    checkpoint.verify(folder)
    card.check(folder)
    config = yaml.safe_load((folder / "recipe.yaml").read_text("utf-8"))
    assert config["name"] == name
    assert sum(file.stat().st_size for file in folder.iterdir()) < 30e6
    commands = [row["command"] for row in card.read_metrics(folder)]
    assert all(command.startswith(f"zoo test {name}") for command in commands)


@pytest.mark.parametrize("name", BUNDLED)
def test_the_card_names_the_data_and_the_licences(name):
    entry = registry.describe(name)
    text = (entry.checkpoint / "README.md").read_text("utf-8")
    assert entry.data
    assert all(data.content in text and data.terms in text for data in entry.data)
    _, _, licence = text.partition("## Licence")
    assert entry.licence in licence
    assert entry.derived in licence
    assert (card.NOTICE.read_text("utf-8") in licence) == bool(entry.derived)
    derived = checkpoint.read_config(entry.checkpoint).get("derived", "")
    assert derived == entry.derived.split(" ")[0]


def test_whatever_comes_from_e5_says_so():
    entries = [registry.describe(name) for name in MODELS]
    assert {e.name for e in entries if e.derived} == {e.name for e in entries if e.licence == "MIT"}


@pytest.mark.parametrize("name", BUNDLED)
def test_the_parameters_are_counted_without_the_network(name):
    weights = registry.describe(name).checkpoint / checkpoint.WEIGHTS
    assert count_parameters(weights) == sum(p.numel() for p in hub.load(name).parameters())


@pytest.mark.parametrize("name", BUNDLED)
def test_the_bundled_checkpoint_loads_frozen_or_trainable(name):
    net = hub.load(name)
    assert not net.training
    assert not any(p.requires_grad for p in net.parameters())
    assert all(p.requires_grad for p in hub.load(name, trainable=True).parameters())
