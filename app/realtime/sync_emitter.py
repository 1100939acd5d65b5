"""An Emitter for code without an event loop, such as a Celery task."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, Self

from ..unclosed import warn_unclosed
from .connected_emitter import connect_outside
from .emitter import Emitter
from .targets import To

_CLOSED = "this SyncEmitter is closed"
_FORKED = (
    "this SyncEmitter was made before the process has forked, which takes no thread with it: make one "
    "afterwards, in each process"
)


class SyncEmitter:
    """The verbs of an Emitter that code without an event loop needs: `emit` and `disconnect`.

    `with SyncEmitter.connect(redis_url) as emitter:`. It may be used by several threads; make it after a
    process has forked, not before. Its connections are served by a thread of its own, which `close` ends,
    too; an emitter that is not closed by the time that it goes is warned about with a ResourceWarning.
    Once it is closed, or in a process that has forked since, every verb raises RuntimeError.
    """

    def __init__(self, emitter: Emitter, aclose: Any) -> None:
        self._emitter = emitter
        self._aclose = aclose
        self._closed = False
        self._lock = threading.Lock()
        self._under_way: set[Future[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="mooring emitter", daemon=True
        )
        self._thread.start()

    def __del__(self) -> None:
        if not self._closed:
            warn_unclosed(self, "with SyncEmitter.connect(...), or emitter.close()")

    @classmethod
    def connect(cls, redis_url: str, *, prefix: str = "mooring") -> "SyncEmitter":
        """Return an emitter; it connects at its first use.

        Args:
            redis_url: REDIS_URL of the app.
            prefix: REDIS_PREFIX of the app.

        Raises:
            ValueError: the URL or the prefix cannot be used.
            TypeError: one of them is no string, but a SecretStr say.
            ImportError: the extra `redis` is not installed.
        """
        outside = connect_outside(redis_url, prefix)
        return cls(Emitter(lambda: outside), outside.aclose)

    def emit(
        self,
        event: str,
        *args: Any,
        to: To,
        skip_sid: str | None = None,
        namespace: str = "/",
        volatile: bool = False,
    ) -> None:
        """Send an event to sockets, as `Emitter.emit` does.

        Args:
            event: its name.
            *args: its arguments.
            to: which sockets.
            skip_sid: the id of a socket that is left out.
            namespace: where the sockets are.
            volatile: drop the event where a client does not keep up.

        Raises:
            BusUnavailableError: sockets may, or may not, get the event.
        """
        self._run(
            self._emitter.emit(
                event, *args, to=to, skip_sid=skip_sid, namespace=namespace, volatile=volatile
            )
        )

    def disconnect(self, to: To, *, reconnect: bool = False, namespace: str | None = None) -> None:
        """Disconnect sockets, as `Emitter.disconnect` does.

        Args:
            to: which sockets.
            reconnect: close their connections, so that the clients come back by themselves.
            namespace: where the sockets are. Left out it is `/` for a room, and all for all others.

        Raises:
            BusUnavailableError: sockets may, or may not, be disconnected.
        """
        self._run(self._emitter.disconnect(to, reconnect=reconnect, namespace=namespace))

    def close(self) -> None:
        """Send what is left, and close the connections. May be called twice, and by several threads.

        In a process that has forked since it does nothing: the connections are those of the other one.
        """
        if self._thread.is_alive():
            with self._lock:
                is_first, self._closed = not self._closed, True
            if is_first:
                self._end()
            self._thread.join()
        self._closed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        running = self._begin(coroutine)
        running.add_done_callback(self._under_way.discard)
        running.result()

    def _begin(self, coroutine: Coroutine[Any, Any, None]) -> Future[None]:
        """Return the future of what the thread runs; raise RuntimeError if it would never run it."""
        if self._thread.is_alive():
            with self._lock:
                if not self._closed:
                    running = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
                    self._under_way.add(running)
                    return running
        coroutine.close()
        raise RuntimeError(_CLOSED if self._closed else _FORKED)

    def _end(self) -> None:
        wait([*self._under_way])
        try:
            asyncio.run_coroutine_threadsafe(self._aclose(), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()
