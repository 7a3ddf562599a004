"""A lobby under asyncio: names, chat, and matches of four; it survives SIGTERM, and its users survive it."""
