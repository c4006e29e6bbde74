"""Search and sampling over any model that can be stepped; knows no technique."""
