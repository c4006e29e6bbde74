"""LoRA in a fit: what trains, what a resumed run has, and what is left in the network."""

import pytest
import torch
from conftest import twin
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

import zoo
from zoo import cli
from zoo.adversarial import FGM
from zoo.callbacks.lora import LoRA
from zoo.data.resumable import ResumableLoader
from zoo.masks.classification.module import ClassificationModel

SHAPE = {"width": 16, "depth": 2, "heads": 2, "positions": 16, "dropout": 0.0}


def module():
    torch.manual_seed(0)
    return ClassificationModel(20, 3, lr=0.1, encoder_lr=0.1, **SHAPE)


def batches():
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(1, 20, (16, 6), generator=generator)
    rows = [*zip(tokens, torch.zeros_like(tokens), tokens[:, 0] % 3, strict=True)]
    return ResumableLoader(rows, 4)


class Before(Callback):
    """Keep the weights at the end of training, before the adapters are merged."""

    def on_train_end(self, trainer, pl_module):
        self.state = {n: p.detach().clone() for n, p in pl_module.named_parameters()}
        tokens = torch.arange(1, 7)[None]
        self.logits = pl_module.eval()(tokens).detach()


def fit(model, folder, *callbacks, epochs=1, resume=None):
    quiet = dict.fromkeys(("logger", "enable_progress_bar", "enable_model_summary"), False)
    saves = ModelCheckpoint(folder, "{step}", every_n_train_steps=4, save_top_k=-1)
    trainer = Trainer(accelerator="cpu", max_epochs=epochs, callbacks=[*callbacks, saves], **quiet)
    trainer.fit(model, batches(), ckpt_path=resume, weights_only=True)


def test_adapters_and_the_head_train_and_are_merged(tmp_path):
    model, kept = module(), Before()
    start = {n: p.detach().clone() for n, p in model.named_parameters()}
    fit(model, tmp_path, LoRA(rank=2), FGM(0.1, embeddings="*token_embedding"), kept)
    moved = {n for n, p in start.items() if not torch.equal(kept.state[n], p)}
    assert moved == {"net.head.weight", "net.head.bias"}
    assert len(kept.state) == len(start) + 2 * 4 * 2  # two matrices for each of four, in two layers
    after = dict(model.named_parameters())
    assert after.keys() == start.keys()
    assert all(p.requires_grad for p in after.values())
    for name, p in after.items():
        if name in moved or torch.equal(p, start[name]):
            continue
        moved.add(name)
        assert torch.linalg.matrix_rank(p - start[name], rtol=1e-3) <= 2
    assert len(moved) == 2 + 8
    torch.testing.assert_close(model.eval()(torch.arange(1, 7)[None]), kept.logits)


def test_a_resumed_run_has_its_adapters(tmp_path):
    whole, resumed = module(), module()
    fit(whole, tmp_path, LoRA(rank=2), epochs=2)
    fit(resumed, tmp_path, LoRA(rank=2), epochs=2, resume=tmp_path / "step=4.ckpt")
    for one, two in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)


def test_a_pattern_without_a_layer_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"layers is 'net\.decoder"):
        fit(module(), tmp_path, LoRA(layers="net.decoder.*"))


@pytest.mark.train
def test_a_checkpoint_folder_is_that_of_the_plain_network(tmp_path, capsys):
    name, output = "masks_classifier_sentiment", tmp_path / "trained"
    options = ["--trainer.callbacks+", "zoo.callbacks.lora.LoRA", "--trainer.callbacks.rank", "2"]
    options += ["--trainer.max_steps", "2", "--trainer.default_root_dir", str(tmp_path)]
    cli.run(["fit", name, *twin(name), *options, "--output", str(output)])
    net = zoo.load(str(output))
    assert "zoo.callbacks.lora.LoRA" in (output / "recipe.yaml").read_text("utf-8")
    assert not any("low_rank" in key for key in net.state_dict())
    assert net.predict(["很好"])[0].label in net.labels
