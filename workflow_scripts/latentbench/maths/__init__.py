"""Distributions, likelihoods, mixtures and random streams."""
