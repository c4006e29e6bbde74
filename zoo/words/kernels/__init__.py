"""Counting and measuring, compiled by Numba."""
