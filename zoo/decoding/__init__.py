"""Generation of sequences from any autoregressive model, with the guarantee that it stops."""
