"""How the demo ends where a step of it did not do what it should."""

from sxe_pipeline.errors import Terminal


class DemoFailed(Terminal):
    """A step of the demo did not do what it should."""
