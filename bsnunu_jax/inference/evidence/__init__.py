"""Evidence of models and operators."""
