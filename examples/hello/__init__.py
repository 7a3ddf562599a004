"""The smallest server and client, for the game loop and for asyncio. Each of the four understands the others."""
