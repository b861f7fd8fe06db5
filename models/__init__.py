"""Networks and geometry; torch only."""
