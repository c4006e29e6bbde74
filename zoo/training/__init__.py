"""Training from recipes; the runner is `zoo.training.run`."""
