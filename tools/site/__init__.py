"""The pages of the book: what they get, and what is made of them."""
