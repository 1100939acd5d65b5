"""An amount that each of many keys may use."""


class Budget:
    """So much for each key. Nothing is kept of a key that uses nothing.

    Args:
        limit: what each key may use.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used: dict[str, int] = {}

    def take(self, key: str, amount: int) -> bool:
        """Use some more, or return False if that is beyond the limit."""
        used = self._used.get(key, 0) + amount
        if used > self._limit:
            return False
        self._used[key] = used
        return True

    def give(self, key: str, amount: int) -> None:
        """Use less by what was taken."""
        left = self._used.get(key, 0) - amount
        if left > 0:
            self._used[key] = left
        else:
            self._used.pop(key, None)
