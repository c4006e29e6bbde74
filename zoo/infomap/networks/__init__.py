"""Networks as arrays, and what makes them."""
