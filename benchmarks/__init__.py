"""Commands that print measured numbers with their hardware."""
