"""Log-likelihoods with derivatives by hand: one formula, two backends, the choice of backend in
``log_prob``.
"""
