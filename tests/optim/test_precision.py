import pytest
import torch

from zoo.optim import precision


@pytest.mark.parametrize(("instructions", "chosen"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_chosen_where_the_processor_has_the_instructions(monkeypatch, instructions, chosen):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: instructions)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert precision.choose_precision("cpu") == chosen
    assert precision.choose_precision("mps") == "32-true"


def test_what_the_processor_says_is_what_its_flags_say():
    flags = open("/proc/cpuinfo").read().split() if torch.sys.platform == "linux" else None  # noqa: PTH123, SIM115
    if flags is None:
        pytest.skip("no /proc/cpuinfo")
    assert precision.has_bf16() == ("avx512_bf16" in flags or "amx_tile" in flags)
