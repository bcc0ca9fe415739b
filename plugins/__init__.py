"""Sipline's own plugins, one folder each. Installed as `pipeline.plugins`; this file holds only the guard that says so.

Plugin code never spells its own package: `from .bindings import ...`, `from pipeline import ...`.
"""

if __name__ != "pipeline.plugins":
    raise ImportError(
        f"Sipline's plugins were imported as {__name__!r}; they are installed as 'pipeline.plugins'. "
        "Run 'pip install -e .' in the repository and import pipeline.plugins."
    )
