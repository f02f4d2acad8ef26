"""The stages of the loop: read tables, call the pure code, write tables."""
