"""The answer where nobody knows the answer: groups, their number, their certainty and a model,
without labels (docs/answer.md)."""
