"""What modules share to train: schedules, noise of a step, optimising by hand, precision."""
