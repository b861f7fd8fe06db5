"""Operations that have a fast implementation for a CPU or a GPU; each sits in a folder beside its torch reference."""
