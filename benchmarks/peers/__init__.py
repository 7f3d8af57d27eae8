"""Other session stores and Sojourn through the very same scenarios; docs/comparison.md shows what came out."""
