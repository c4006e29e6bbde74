"""Text as a stream of characters: sources, files, codes."""
