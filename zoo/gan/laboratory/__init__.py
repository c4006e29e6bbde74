"""Dirac-GAN, the smallest game that has all the behaviour: predicted in closed form, simulated."""
