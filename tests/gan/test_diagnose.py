import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.loggers import CSVLogger
from torch.utils.data import DataLoader

from zoo.gan import diagnose
from zoo.gan.diagnose import examine, examine_samples, read_log
from zoo.gan.module import GanTraining
from zoo.gan.net import Gan

HEALTHY = {
    "real_logit": [0.6],
    "fake_logit": [-0.5],
    "valid_logit": [0.5],
    "wins": [0.8],
    "penalty": [0.05],
    "critic_value": [1.05],
    "critic_loss": [1.1],
    "generator_loss": [0.9],
    "valid_coverage": [0.85],
    "valid_classes": [9.6],
    "valid_real_classes": [10.0],
    "leading_real": [-2.0],
    "leading_imaginary": [1.0],
}


def names(**changed):
    log = {k: np.array(v) for k, v in {**HEALTHY, **changed}.items()}
    return [finding.name for finding in examine(log)]


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"valid_coverage": [0.1]}, "mode-collapse"),
        ({"valid_classes": [3.0]}, "missing-classes"),
        ({"wins": [0.5, 1.0, 1.0, 1.0]}, "critic-has-won"),
        ({"leading_imaginary": [9.0]}, "rotation"),
        ({"penalty": [5.0], "critic_value": [1.4]}, "drowned-loss"),
        ({"real_logit": [0.01], "fake_logit": [-0.01], "valid_logit": [0.01]}, "drowned-loss"),
        ({"valid_logit": [-0.4]}, "overfitting-critic"),
        ({"generator_loss": [0.9, np.inf]}, "divergence"),
    ],
)
def test_each_finding_by_its_figure(changed, name):
    assert names() == []
    assert names(**changed) == [name]


def test_the_last_quarter_is_judged():
    assert names(wins=[1.0] * 12 + [0.7] * 4) == []


def test_samples_that_are_all_alike():
    assert examine_samples(np.random.default_rng(0).random((16, 1, 4, 4))) == []
    (finding,) = examine_samples(np.full((16, 1, 4, 4), 0.5))
    assert (finding.name, finding.figure) == ("mode-collapse", 0.0)
    assert finding.sentence.startswith("mode collapse: 16 samples differ by 0.000")


def test_one_picture_a_class_is_a_collapse_too():
    pictures = np.random.default_rng(0).random((4, 1, 4, 4))
    samples = np.tile(pictures, (8, 1, 1, 1))  # the classes in turn
    assert examine_samples(samples) == []
    (finding,) = examine_samples(samples, classes=4)
    assert finding.sentence.startswith("mode collapse: 8 samples of one class differ by 0.000")


def test_the_samples_of_a_net_are_looked_at_too(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,wins\n1,0.7\n")
    net = Gan([1, 8, 8], base=4).eval()
    net.generator.end[-1].weight.data *= 1000
    assert diagnose(tmp_path, net=net) == []
    net.generator.start.weight.data.zero_()
    assert [f.name for f in diagnose(tmp_path, net=net)] == ["mode-collapse"]
    by_class = Gan([1, 8, 8], base=4, classes=100, conditional=True).eval()
    by_class.generator.end[-1].weight.data *= 1000
    assert diagnose(tmp_path, net=by_class) == []
    by_class.generator.start.weight.data[:, :64] = 0  # what reads z
    assert [f.name for f in diagnose(tmp_path, net=by_class)] == ["mode-collapse"]


def train(folder, steps=60, items=64, pictures=None, **options):
    """Train on pictures of 8x8 in a way that goes wrong."""
    torch.manual_seed(0)
    module = GanTraining([1, 8, 8], base=4, latent=8, **{"lr": 2e-3, **options})
    random = torch.Generator().manual_seed(1)
    if pictures is None:  # smooth patches
        rough = torch.rand(items + 64, 1, 3, 3, generator=random)
        pictures = torch.nn.functional.interpolate(rough, (8, 8), mode="bilinear")
    data = [(picture, torch.tensor(0)) for picture in pictures]
    trainer = Trainer(
        accelerator="cpu",
        max_steps=steps,
        logger=CSVLogger(folder),
        log_every_n_steps=5,
        enable_progress_bar=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        val_check_interval=None,
        check_val_every_n_epoch=max(1, steps // (items // 16)),
    )
    trainer.fit(module, DataLoader(data[:items], 16), DataLoader(data[items:], 64))
    assert trainer.log_dir is not None
    return trainer.log_dir


@pytest.mark.train
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"terms": [{"name": "r1", "gamma": 1000.0}], "steps": 60}, "drowned-loss"),
        ({"ratio": 1000.0, "lr": 3e-6, "steps": 100}, "critic-has-won"),
        ({"update": "n-critic", "items": 16, "lr": 3e-3, "steps": 60}, "overfitting-critic"),
    ],
)
def test_a_run_made_to_fail_is_seen_to_fail(tmp_path, options, name):
    found = diagnose(train(tmp_path, **options))
    assert name in [finding.name for finding in found]
    assert all(finding.sentence for finding in found)


@pytest.mark.train
def test_a_game_without_a_penalty_is_seen_to_rotate(tmp_path):
    options = {"loss": "wgan", "generator_norm": "none", "watch": 5, "steps": 10}
    found = {finding.name: finding for finding in diagnose(train(tmp_path, **options))}
    assert "rotation" in found
    assert "raise the gamma of r1" in found["rotation"].sentence


def test_logs_that_cannot_be_read(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no metrics.csv in .*: expected the folder of a run"
    ):
        diagnose(tmp_path)
    for text in ("", "step,wins\n", "step,wins\n1"):
        (tmp_path / "metrics.csv").write_text(text)
        with pytest.raises(ValueError, match="has no complete row: expected some"):
            diagnose(tmp_path)


def test_a_cut_row_is_left_out(tmp_path):
    (tmp_path / "metrics.csv").write_text("step,wins,note\n1,0.5,\n2,1.0,\n3,0.")
    np.testing.assert_array_equal(read_log(tmp_path)["wins"], [0.5, 1.0])
