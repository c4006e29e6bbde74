"""A fast binary logarithm: the search spends its time in x log2 x."""

from __future__ import annotations

from typing import Any

import numpy as np

from zoo.kernels import kernel

Scalar = Any  # a number in a kernel: type checkers take an array's element for an array

_BITS = 8  # of the mantissa, which choose a row of the table
_MIDDLES = 1 + (np.arange(1 << _BITS) + 0.5) / (1 << _BITS)
_TABLE = np.stack([1 / _MIDDLES, np.log2(_MIDDLES)], axis=1).ravel()
_SHIFT = 52 - _BITS
_ROW = (1 << _BITS) - 1
_MANTISSA = (1 << 52) - 1
_ONE = 1023 << 52
_C1, _C2, _C3, _C4 = (-((-1) ** n) / (n * np.log(2)) for n in range(1, 5))


@kernel
def log2(x: Scalar) -> Scalar:
    """Return the binary logarithm, within 1e-14; a finite number for 0 and below.

    The exponent is read from the bits, the mantissa is divided by the middle of its interval by
    a table, and the rest, within 2**-9 of 1, goes through four terms of the series of log(1 + r).
    """
    bits = np.float64(x).view(np.int64)
    row = 2 * ((bits >> _SHIFT) & _ROW)
    r = np.int64((bits & _MANTISSA) | _ONE).view(np.float64) * _TABLE[row] - 1.0
    exponent = ((bits >> 52) & 2047) - 1023
    return exponent + _TABLE[row + 1] + r * (_C1 + r * (_C2 + r * (_C3 + r * _C4)))


@kernel
def plogp(x: Scalar) -> Scalar:
    """Return x log2 x, 0 for 0 (and about 0 for what rounding leaves below it)."""
    return x * log2(x)
