"""How weights are updated: schedules of learning rates, and sums over processes."""
