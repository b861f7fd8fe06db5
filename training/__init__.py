"""Rendered data, training and distillation."""
