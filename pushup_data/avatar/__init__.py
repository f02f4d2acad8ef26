"""Rendered push-ups of known form: bodies, motion, rooms and cameras, and the truth about every rep."""
