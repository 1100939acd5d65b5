"""What is generated: apps, and what is done with them, as plain data."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

DEPENDENCIES = ("count", "sync", "refuse", "yield", "fail", "cached")
SESSION_DEPENDENCIES = ("session", "optional", "lazy", "emitter", "watched")
ENDPOINTS = (
    "number", "number_sync", "callable", "model", "dict_for_model", "wrong", "nothing", "untyped",
    "response", "json_response", "background", "stream", "late", "cookie",
    "teapot", "missing", "sold_out", "chained", "value_error", "crash",
    "request", "query", "body", "tasks", "response_param", "dependency", "rows", "events",
)  # fmt: skip
REMEMBERED = ENDPOINTS[:1] + ENDPOINTS[2:21]
"""Those that take nothing: the fast path may serve them."""
SESSION_ENDPOINTS = (
    "count", "count_sync", "count_optional", "count_update", "write", "write_then_fail",
    "write_then_sold_out", "logout", "rotate", "emit", "keep_request_session",
)  # fmt: skip
METHODS = ("GET", "HEAD", "POST", "PUT")
STATUSES = (None, None, None, 200, 201, 204, 205, 304)
RESPONSE_CLASSES = (None, None, None, "json", "text", "own")
MODEL_OPTIONS = (
    "", "", "include", "exclude", "exclude_unset", "exclude_defaults", "exclude_none", "by_name",
)  # fmt: skip
KINDS = ("api",) * 40 + ("starlette", "websocket", "custom_class", "custom_match", "body_limit")
HANDLERS = (
    "sold_out",
    "sold_out_base",
    "teapot",
    "not_found",
    "http",
    "value_error",
    "chained",
    "any",
    "wrong",
)
MIDDLEWARE = ("asgi", "base", "cors", "gzip", "stopper")
PATHS = ("/a", "/b", "/c", "/a/", "/session", *("/a", "/b", "/c", "/d", "/e") * 2, "/{x}", "")
PREFIXES = ("", "", "/p", "/q")
CHANGES = (
    "override", *["override_session"] * 3, "clear", "insert", "append", "remove", "replace_equal",
    "insert_nested", "append_nested", "pop_nested", "rebind", "dependency",
)  # fmt: skip


@dataclass(frozen=True)
class RouteSpec:
    """One route."""

    kind: str
    path: str
    methods: tuple[str, ...]
    endpoint: str
    status: int | None
    response_class: str | None
    options: str
    dependencies: tuple[str, ...]


@dataclass(frozen=True)
class RouterSpec:
    """A router, and how it is included."""

    prefix: str
    include_prefix: str
    dependencies: tuple[str, ...]
    include_dependencies: tuple[str, ...]
    response_class: str | None
    entries: tuple[Any, ...]
    twice: bool

    @property
    def included_at(self) -> str:
        """The prefix of its inclusion: there is one where paths may be empty."""
        return self.include_prefix or ("" if self.prefix else "/p")


@dataclass(frozen=True)
class MountSpec:
    """An app below a path."""

    kind: str
    path: str
    entries: tuple[RouteSpec, ...]


@dataclass(frozen=True)
class SessionRoutesSpec:
    """Mooring's own routes of the session."""


@dataclass(frozen=True)
class AppSpec:
    """A whole app."""

    entries: tuple[Any, ...]
    dependencies: tuple[str, ...]
    handlers: tuple[tuple[str, bool], ...]
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    root_path: str
    response_class: str | None
    mooring_first: bool
    below: str
    """Where the app itself is mounted: "", or a path of another app."""


@dataclass(frozen=True)
class Send:
    """A request, some times, or a WebSocket."""

    target: tuple[str, str]
    """A method, or "websocket", and a path."""
    times: int
    key: bool = True
    root_path: str = ""


@dataclass(frozen=True)
class Change:
    """Something that is changed between requests."""

    kind: str
    which: int
    path: str
    """Of a route that comes in."""


@dataclass(frozen=True)
class Case:
    """An app, and what is done with it."""

    app: AppSpec
    steps: tuple[Send | Change, ...]
    sessions: bool


def _some(values: tuple[str, ...], most: int = 2) -> st.SearchStrategy[tuple[str, ...]]:
    """Some of the values, most often none: an app of refusals alone would show nothing else."""
    some: list[tuple[str, ...]] = [(each,) for each in values]
    if most > 1:
        some += [(each, values[index // 2]) for index, each in enumerate(values)]
    return st.sampled_from([()] * (4 * len(some)) + some)


def _mixed(
    usual: st.SearchStrategy[Any], weight: int, *others: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    """The usual ones, so many times as often as each of the others."""
    all_ = [usual] * weight + list(others)
    return st.integers(0, len(all_) - 1).flatmap(lambda index: all_[index])


def _routes(*, sessions: bool) -> st.SearchStrategy[RouteSpec]:
    endpoints = ENDPOINTS + (SESSION_ENDPOINTS * 6 if sessions else REMEMBERED * 3)
    dependencies = DEPENDENCIES + (SESSION_DEPENDENCIES * 4 if sessions else ())
    return st.builds(
        RouteSpec,
        kind=st.sampled_from(KINDS),
        path=st.sampled_from(PATHS),
        methods=st.sampled_from(METHODS).flatmap(
            lambda one: st.sampled_from([(one,), (one, "GET"), ("GET",), ("GET",)])
        ),
        endpoint=st.sampled_from(endpoints),
        status=st.sampled_from(STATUSES),
        response_class=st.sampled_from(RESPONSE_CLASSES),
        options=st.sampled_from(MODEL_OPTIONS),
        dependencies=_some(dependencies),
    )


def _routers(
    entries: st.SearchStrategy[Any], dependencies: tuple[str, ...]
) -> st.SearchStrategy[RouterSpec]:
    return st.builds(
        RouterSpec,
        prefix=st.sampled_from(PREFIXES),
        include_prefix=st.sampled_from(PREFIXES),
        dependencies=_some(dependencies, 1),
        include_dependencies=_some(dependencies, 1),
        response_class=st.sampled_from(RESPONSE_CLASSES),
        entries=st.lists(entries, min_size=1, max_size=3).map(tuple),
        twice=st.sampled_from([False, False, True]),
    )


def _mounts(routes: st.SearchStrategy[RouteSpec]) -> st.SearchStrategy[MountSpec]:
    return st.builds(
        MountSpec,
        kind=st.sampled_from(["fastapi", "starlette", "asgi", "router"]),
        path=st.sampled_from(["/p", "/m", "/m", "/a", "/{t}", *["/m"] * 4, ""]),
        entries=st.lists(routes, min_size=1, max_size=2).map(tuple),
    )


def _apps(*, sessions: bool) -> st.SearchStrategy[AppSpec]:
    routes = _routes(sessions=sessions)
    dependencies = DEPENDENCIES + (SESSION_DEPENDENCIES if sessions else ())
    mounts = _mounts(routes)
    inner = _routers(_mixed(routes, 9, mounts), dependencies)
    routers = _routers(_mixed(routes, 3, inner), dependencies)
    more = [st.just(SessionRoutesSpec())] if sessions else []
    return st.builds(
        AppSpec,
        entries=st.lists(
            _mixed(_mixed(routes, 1, routers), 9, mounts, *more),
            min_size=1,
            max_size=4,
        ).map(tuple),
        dependencies=_some(dependencies, 1),
        handlers=st.lists(
            st.tuples(st.sampled_from(HANDLERS), st.booleans()),
            max_size=4,
            unique_by=lambda h: h[0],
        ).map(tuple),
        inside=_some(MIDDLEWARE, 1),
        outside=_some(MIDDLEWARE, 2),
        root_path=st.sampled_from(["", "", "", "/proxied"]),
        response_class=st.sampled_from(RESPONSE_CLASSES),
        mooring_first=st.booleans(),
        below=st.sampled_from([*[""] * 5, "fastapi", "starlette", "included"]),
    )


def targets_of(entries: tuple[Any, ...], prefix: str = "") -> list[tuple[str, str]]:
    """Every method and path that is likely to hit a route."""
    found: list[tuple[str, str]] = []
    for entry in entries:
        if isinstance(entry, RouteSpec):
            path = prefix + entry.path.replace("{x}", "a") or "/"
            methods = ("websocket",) if entry.kind == "websocket" else entry.methods
            found += [(method, path) for method in methods]
        elif isinstance(entry, RouterSpec):
            found += targets_of(entry.entries, prefix + entry.included_at + entry.prefix)
        elif isinstance(entry, MountSpec):
            found += targets_of(entry.entries, prefix + entry.path.replace("{t}", "tenant"))
        else:
            found += [("GET", f"{prefix}/session"), ("POST", f"{prefix}/logout")]
            found += [("HEAD", f"{prefix}/session"), ("POST", f"{prefix}/session/rotate")]
    return found


@st.composite
def cases(draw: st.DrawFn, *, sessions: bool) -> Case:
    """An app and up to ten things that happen to it."""
    app = draw(_apps(sessions=sessions))
    likely = targets_of(app.entries)
    paths = [path for _, path in likely]
    extra = [
        "/a",
        "/openapi.json",
        "/docs",
        "/nowhere",
        "/p/a",
        "/a\n",
        *(f"{each}/" for each in paths),
    ]
    methods = st.sampled_from([*METHODS, "OPTIONS", "websocket"])
    others = st.tuples(methods, st.sampled_from([*paths, *extra]))
    chosen = draw(st.lists(st.sampled_from(likely), min_size=1, max_size=3))
    targets = st.sampled_from(chosen)
    sends = st.builds(
        Send,
        target=_mixed(targets, 7, others),
        times=st.sampled_from([1, 2, 3, 3]),
        key=st.sampled_from([True, True, True, False]),
        root_path=st.sampled_from([""] * 6 + ["/proxied", "/p"]),
    )
    changes = st.builds(
        Change,
        kind=st.sampled_from(CHANGES),
        which=st.integers(0, 5),
        path=st.sampled_from([path for _, path in chosen]),
    )
    steps = draw(st.lists(_mixed(sends, 3, changes), min_size=3, max_size=10))
    return Case(app, tuple(steps), sessions)
