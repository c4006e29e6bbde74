"""Formulas of adversarial training on embeddings (Su 7234)."""

import torch
from torch import Tensor


def fgm_perturbation(gradient: Tensor, epsilon: float) -> Tensor:
    """Take the step of length `epsilon` that raises the loss most, to first order.

    delta = epsilon * g / ||g||, with the Frobenius norm (Miyato et al., "Adversarial Training
    Methods for Semi-Supervised Text Classification", arXiv 1605.07725, equation 5; Su 7234 takes
    the whole embedding matrix for g). The step does not depend on the scale of the loss.

    Args:
        gradient: float (tokens, channels), gradient of the loss with respect to the embedding
            matrix.
        epsilon: length of the step.

    Returns:
        float (tokens, channels) of norm `epsilon`; zero where no direction exists, that is if the
        gradient is zero or not finite.
    """
    norm = torch.linalg.vector_norm(gradient)
    return torch.where(norm.isfinite() & (norm > 0), epsilon * (gradient / norm), 0.0)
