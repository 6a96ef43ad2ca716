"""The inventory: which hosts there are, how they are reached, and what runs on them."""
