"""A file goes to a player without holding up the game: lanes, and what happens without them."""
