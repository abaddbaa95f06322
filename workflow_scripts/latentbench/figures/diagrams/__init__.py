"""Plates and networks, drawn from what the models declare."""
