"""Adversarial training as a dynamical system (Su 6583): a laboratory, a trainer and a doctor."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.gan.diagnose import Finding as Finding
    from zoo.gan.diagnose import diagnose as diagnose
    from zoo.gan.gamma_conventions import gamma_of as gamma_of
    from zoo.gan.laboratory.dirac import Dirac as Dirac
    from zoo.gan.laboratory.dirac import dirac as dirac
    from zoo.gan.laboratory.poster import poster as poster
    from zoo.gan.losses import Loss as Loss
    from zoo.gan.losses import make_loss as make_loss
    from zoo.gan.net import Critic as Critic
    from zoo.gan.net import Gan as Gan
    from zoo.gan.net import Generator as Generator
    from zoo.gan.spectrum import path_angle as path_angle
    from zoo.gan.spectrum import singular_values as singular_values
    from zoo.gan.spectrum import spectrum as spectrum
    from zoo.gan.sweep import Tried as Tried
    from zoo.gan.sweep import sweep as sweep
    from zoo.gan.terms import make_terms as make_terms
    from zoo.gan.updates import Update as Update
    from zoo.gan.updates import make_update as make_update

attach(__name__, __file__)
