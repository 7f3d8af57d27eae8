"""The sweep: which items may be stale, and their removal from storage. No reader depends on it."""
