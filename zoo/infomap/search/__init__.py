"""The search for the modules whose codelength is least."""
