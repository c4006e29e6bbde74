"""Models from elsewhere as the engine steps them."""
