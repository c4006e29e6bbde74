"""The search, compiled by Numba."""
