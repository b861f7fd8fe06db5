"""The renderer: random characters, their motion, and pictures of them with their ground truth."""
