"""Nodes in process (app.testing), for what needs no real client, no real server and no real store."""

from typing import Any

from app.testing import Browser, TestApp
from tests.support.http import note_cookies


class Kit(TestApp):
    """A TestApp whose browsers note the session ids that they are given, as all clients of tests do."""

    def browser(self, *, node: int = 0, **options: Any) -> Browser:
        """Return a browser with no cookies."""
        return super().browser(node=node, event_hooks={"response": [note_cookies]}, **options)
