"""What must hold: one word, one file."""
