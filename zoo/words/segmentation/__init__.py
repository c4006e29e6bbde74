"""Texts cut into the words of a lexicon."""
