"""Clients as people have them, each by name and by IP address, on every transport.

For each of them: it connects, counts by its socket and sees what is counted elsewhere, is
logged out (`io server disconnect`, and does not return), and expires (`transport close`, and returns by
itself with a new session).

| client | cookies | where |
|---|---|---|
| Node's socket.io-client, as it comes | keeps none | `node_clients.py` |
| the same with `withCredentials` | a jar for each connection | `node_clients.py` |
| python-socketio's AsyncClient, over aiohttp | a jar, but not for IP addresses | `python_clients.py` |
| python-socketio's Client, over requests and websocket-client | a jar | `python_clients.py` |
| a client that writes cookies as the JDK does | `$Version="1"; session="…"; $Path="/"` | `test_jdk.py` |
| Chromium | a jar | `test_chromium.py` |

The clients are the real ones, but for the JDK's: of that there is the way in which it writes a cookie.
A client has a class with the methods of `base.Client`, and a line in `test_matrix.py`.
"""
