"""benchmarks/gpu_check.py runs without a GPU: the checks of two models, and what they catch."""

import importlib.util
import subprocess
import sys

import pytest
import torch
from conftest import ROOT

SCRIPT = ROOT / "benchmarks" / "gpu_check.py"


@pytest.fixture(scope="module")
def check():
    specification = importlib.util.spec_from_file_location("gpu_check", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("column", "precision", "name"),
    [
        ("step", "bf16", "decoding_lstm_poems"),
        ("fgm", "bf16", "decoding_lstm_poems"),
        ("use", "fp32", "decoding_lstm_poems"),
        ("resume", "fp32", "decoding_lstm_poems"),
        ("step", "bf16", "adversarial_pgd_fashion"),
        ("use", "fp32", "adversarial_pgd_fashion"),
        ("valid", "fp32", "gan_r1_digits"),
    ],
)
def test_the_cpu_agrees_with_itself(column, precision, name, check):
    bf16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    if precision == "bf16" and "lstm" in name and not bf16:
        pytest.skip("torch has no LSTM in bfloat16 on a processor without AVX-512")
    arguments = (column, precision, name, "cpu")
    shown, complaint = check.cell(getattr(check, column), *arguments)
    assert not complaint
    assert "!" not in shown
    if precision == "fp32":
        assert shown in ("0e+00", "same")


def test_what_differs_is_marked_and_what_fails_is_told(check):
    assert check.distance({"a": torch.ones(4)}, {"a": torch.zeros(4) + 2}) == 0.5
    assert check.compare(["x", 0.5], ["x", 0.25]) == 0.25
    assert check.compare(["x"], ["y"]) == "other"
    for value, shown in ((0.1, "1e-01!"), (float("nan"), "nan!"), (1e-9, "1e-09"), (None, "-")):
        found, complaint = check.cell(lambda *_, value=value: value, "step", "fp32", "x", "cpu")
        assert (found, bool(complaint)) == (shown, shown.endswith("!"))

    def fail(*_):
        raise ValueError("no such layer")

    assert check.cell(fail, "step", "fp32", "x", "cpu") == ("failed!", "ValueError: no such layer")


@pytest.mark.ddp
@pytest.mark.slow
def test_the_whole_table_of_one_model():
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--cpu", "--only", "pictures_digits"],
        capture_output=True,
        text=True,
    )
    rows = [line for line in done.stdout.splitlines() if line.startswith("| `pictures_digits`")]
    assert done.returncode == 0, done.stdout + done.stderr
    assert "!" not in rows[0]
    assert rows[0].count("|") == 14


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_so(check, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["gpu_check.py"])
    with pytest.raises(SystemExit, match="no GPU here"):
        check.main()
