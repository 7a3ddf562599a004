"""Where does PyInstaller find the hook of this package? Named by the entry point `pyinstaller40` in pyproject.toml."""

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """The folders that hold hooks."""
    return [str(Path(__file__).parent)]
