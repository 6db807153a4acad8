"""Tools of the people who write this course; readers need none of them."""
