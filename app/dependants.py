"""What FastAPI has found out of a function's parameters, for the fast paths of routes and of events."""

from fastapi.dependencies.models import Dependant


def takes_anything(dependant: Dependant) -> bool:
    """Return True if a function takes anything of a request itself; its dependencies may, too."""
    return any(
        (
            dependant.path_params,
            dependant.query_params,
            dependant.header_params,
            dependant.cookie_params,
            dependant.body_params,
            dependant.request_param_name,
            dependant.websocket_param_name,
            dependant.http_connection_param_name,
            dependant.response_param_name,
            dependant.background_tasks_param_name,
            dependant.security_scopes_param_name,
        )
    )
