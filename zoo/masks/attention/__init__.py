"""Attention and its masks: their algebra, the schemes there are, and their pictures."""
