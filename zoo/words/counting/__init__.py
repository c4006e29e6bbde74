"""Counts of n-grams: made chunk by chunk, held within a memory limit, merged, saved."""
