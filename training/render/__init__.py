"""The renderer: random characters, their motion and everything true about the pictures it makes of them."""
