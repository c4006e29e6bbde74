"""How weights are updated: schedules, sums over processes, noise of a step, steps by hand."""
