"""One Transformer whose attention mask decides what it is."""
