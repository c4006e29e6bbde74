"""Classification of texts, pairs of texts and tokens, from scratch or on a network of masks."""
