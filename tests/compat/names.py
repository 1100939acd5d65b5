"""Undocumented names of libraries that the code uses, beside those that it overrides.

What a class of ours overrides or takes over from a library's class is found by itself (overrides.py). A
name that is used in any other way gets a line here, `module:name` under the file that uses it; then
`python -m tests.compat --update` records it.
"""

USED: dict[str, list[str]] = {
    "app/server/server.py": [
        "uvicorn.config:Config.load",
        "uvicorn.server:Server.main_loop",
        "uvicorn.server:Server.on_tick",
        "uvicorn.server:Server.capture_signals",
        "uvicorn.server:Server.shutdown",
        "uvicorn.server:ServerState.__init__",
    ],
    "app/server/reload.py": [
        "uvicorn.config:Config.bind_socket",
        "uvicorn.config:Config.should_reload",
        "uvicorn.supervisors.basereload:BaseReload.__init__",
        "uvicorn.supervisors.basereload:BaseReload.run",
        "uvicorn.supervisors.basereload:BaseReload.restart",
        "uvicorn.supervisors.statreload:StatReload",
        "uvicorn._subprocess:subprocess_started",
    ],
    "app/server/http_protocol.py": [
        "httptools:HttpRequestParser",
        "uvicorn.protocols.http.flow_control:FlowControl",
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
        "uvicorn.protocols.http.httptools_impl:RequestResponseCycle",
    ],
    "app/server/plain_http_protocol.py": [
        "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol",
    ],
    "app/server/direct_websocket.py": ["uvicorn.protocols.utils:ClientDisconnected"],
    "app/server/findable_websocket_protocol.py": [
        "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol",
    ],
    "app/server/websocket_protocol.py": [
        "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol",
        "websockets.protocol:Protocol.data_to_send",
        "websockets.protocol:Protocol.parse",
        "websockets.protocol:Protocol.recv_frame",
        "websockets.protocol:State",
        "websockets.server:ServerProtocol.__init__",
        "websockets.server:ServerProtocol.parse",
        "websockets.server:ServerProtocol.reject",
        "websockets.server:ServerProtocol.send_response",
    ],
    "app/server/websocket_handshake.py": [
        "websockets.server:ServerProtocol.process_request",
    ],
    "app/server/websocket_frames.py": [
        "websockets.frames:apply_mask",
        "websockets.frames:Frame.serialize",
    ],
    "app/redis/connection.py": [
        "redis.asyncio.connection:AbstractConnection.__init__",
        "redis.asyncio.connection:AbstractConnection.connect",
        "redis.asyncio.connection:AbstractConnection.disconnect",
        "redis.asyncio.connection:AbstractConnection.read_response",
        "redis.asyncio.connection:AbstractConnection.send_packed_command",
        "redis.asyncio.connection:Connection._connect",
    ],
    "app/redis/replies.py": [
        "redis._parsers.hiredis:NOT_ENOUGH_DATA",
        "redis._parsers.hiredis:_AsyncHiredisParser.read_response",
        "redis._parsers.hiredis:_AsyncHiredisParser.on_connect",
    ],
    "app/redis/cluster.py": [
        "redis.asyncio.cluster:NodesManager.initialize",
        "redis.asyncio.cluster:RedisCluster.get_node_from_key",
        "redis.asyncio.cluster:RedisCluster.initialize",
    ],
    "app/redis/url.py": ["redis.asyncio.connection:parse_url"],
    "app/dependants.py": ["fastapi.dependencies.models:Dependant"],
    "app/http/fast_routes.py": [
        "fastapi.routing:APIRoute.__init__",
        "fastapi.routing:get_request_handler",
    ],
    "app/http/fast_calls.py": [
        "fastapi.dependencies.models:Dependant",
        "fastapi.routing:get_request_handler",
    ],
    "app/http/fast_responses.py": [
        "fastapi.datastructures:DefaultPlaceholder",
        "fastapi.dependencies.models:Dependant",
        "fastapi.routing:serialize_response",
    ],
    "app/realtime/dependencies.py": [
        "fastapi.dependencies.models:Dependant",
        "fastapi.dependencies.utils:get_dependant",
        "fastapi.dependencies.utils:get_parameterless_sub_dependant",
        "fastapi.dependencies.utils:solve_dependencies",
        "fastapi.dependencies.utils:_solve_generator",
    ],
    "app/realtime/fast_dependencies.py": [
        "fastapi.dependencies.models:Dependant",
        "fastapi.dependencies.models:_get_cache_key",
        "fastapi.dependencies.models:_is_async_gen_callable",
        "fastapi.dependencies.models:_is_coroutine_callable",
        "fastapi.dependencies.models:_is_gen_callable",
        "fastapi.dependencies.utils:_solve_generator",
        "fastapi.dependencies.utils:solve_dependencies",
    ],
    "app/realtime/engineio/socket.py": ["engineio.payload:Payload"],
    "app/realtime/fast_codec.py": [
        "engineio.packet:Packet",
        "socketio.packet:Packet",
    ],
}
