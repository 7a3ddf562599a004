"""The game-loop API: handles, polling and callbacks."""
