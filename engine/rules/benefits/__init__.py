"""What a promotion gives: one word, one file."""
