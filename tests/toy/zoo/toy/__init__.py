"""A toy: two networks with an optimiser each."""
