"""The live engine: everything between a camera and a screen."""
