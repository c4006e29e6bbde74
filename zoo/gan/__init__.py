"""Adversarial training as a dynamical system (Su 6583): a laboratory, a trainer and a doctor."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zoo.gan.doctor import Finding, diagnose
    from zoo.gan.jacobian import path_angle, singular_values, spectrum
    from zoo.gan.laboratory import Dirac, dirac, poster
    from zoo.gan.losses import Loss, make_loss
    from zoo.gan.terms import gamma_of, make_terms
    from zoo.gan.updates import Update, make_update

__all__ = [
    "Dirac",
    "Finding",
    "Loss",
    "Update",
    "diagnose",
    "dirac",
    "gamma_of",
    "make_loss",
    "make_terms",
    "make_update",
    "path_angle",
    "poster",
    "singular_values",
    "spectrum",
]
_HOME = {
    "Dirac": "laboratory",
    "Finding": "doctor",
    "Loss": "losses",
    "Update": "updates",
    "diagnose": "doctor",
    "dirac": "laboratory",
    "gamma_of": "terms",
    "make_loss": "losses",
    "make_terms": "terms",
    "make_update": "updates",
    "path_angle": "jacobian",
    "poster": "laboratory",
    "singular_values": "jacobian",
    "spectrum": "jacobian",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'zoo.gan' has no attribute {name!r}")
    return getattr(importlib.import_module(f"zoo.gan.{_HOME[name]}"), name)
