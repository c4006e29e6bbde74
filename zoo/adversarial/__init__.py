"""Adversarial training as Lightning callbacks (Su 7234), and text classification to use it on."""

from typing import TYPE_CHECKING

from zoo.lazy import attach

if TYPE_CHECKING:
    from zoo.adversarial.consistency import RDrop as RDrop
    from zoo.adversarial.consistency import VirtualAdversarial as VirtualAdversarial
    from zoo.adversarial.gradient_penalty import GradientPenalty as GradientPenalty
    from zoo.adversarial.loop import attacked as attacked
    from zoo.adversarial.methods import FGM as FGM
    from zoo.adversarial.methods import PGD as PGD
    from zoo.adversarial.methods import FreeLB as FreeLB
    from zoo.adversarial.methods import WeightPerturbation as WeightPerturbation
    from zoo.adversarial.robustness import Robustness as Robustness
    from zoo.adversarial.robustness import robustness as robustness
    from zoo.adversarial.transformers_trainer import TrainerAttack as TrainerAttack

attach(__name__, __file__)
