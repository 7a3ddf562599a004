"""Programs to read and to copy from; README.md beside this file says which one shows what."""
