"""Entity linking: names in a text to the entities of a knowledge base (Su 6919)."""
