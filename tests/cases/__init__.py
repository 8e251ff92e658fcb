"""Golden cases as data, one file for each word of the language, and what runs them."""
