import pytest
import torch

from zoo.nvae.flows import AutoregressiveFlow, AutoregressiveStep


def wild(module):
    """A flow that moves its latents far more than one that begins."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("log_norm"):
                parameter.add_(1.0)
    return module.double()


def jacobian(step, z):
    return torch.autograd.functional.jacobian(
        lambda flat: step(flat.view_as(z)).flatten(), z.flatten()
    )


def in_order(turned, latents=2, size=4):
    """The places of a flattened picture in the order of a step: pixels, then channels."""
    places = torch.arange(latents * size * size).view(latents, size * size)
    return (places.flip(1) if turned else places).T.flatten()


@pytest.mark.parametrize("turned", [False, True])
def test_a_step_has_a_triangular_jacobian_of_determinant_one(turned):
    torch.manual_seed(0)
    step = wild(AutoregressiveStep(2, turned))
    z = torch.randn(1, 2, 4, 4, dtype=torch.float64)
    order = in_order(turned)
    matrix = jacobian(step, z)[order][:, order]
    torch.testing.assert_close(matrix.triu(1), torch.zeros_like(matrix))
    torch.testing.assert_close(matrix.diagonal(), torch.ones(len(matrix), dtype=torch.float64))
    assert matrix.tril(-1).abs().max() > 1e-3


def test_every_earlier_latent_near_by_is_seen():
    torch.manual_seed(0)
    step = wild(AutoregressiveStep(2, turned=False))
    matrix = jacobian(step, torch.randn(1, 2, 4, 4, dtype=torch.float64))
    order = in_order(False)
    last = matrix[order][:, order][-1]  # the last channel of the last pixel
    assert (last[-3:-1] != 0).all()  # the first channel of its own pixel, the pixel before


def test_a_pair_has_determinant_one_and_an_inverse():
    torch.manual_seed(0)
    flow = wild(AutoregressiveFlow(2))
    z = torch.randn(3, 2, 4, 4, dtype=torch.float64)
    matrix = jacobian(flow, z[:1])
    assert torch.linalg.slogdet(matrix).logabsdet.item() == pytest.approx(0, abs=1e-10)
    torch.testing.assert_close(flow.inverse(flow(z)), z)
    torch.testing.assert_close(flow(flow.inverse(z)), z)
    assert (flow(z) - z).abs().max() > 1e-2
