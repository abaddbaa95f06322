"""The interactive explorer of embeddings."""
