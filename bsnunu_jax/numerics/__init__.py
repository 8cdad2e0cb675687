"""Quadrature, nodes, batches, descents."""
