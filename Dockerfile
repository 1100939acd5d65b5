# One node of the service: the wheel, and in a folder of its own the product that it serves. Without a
# product it is the example. Nothing here needs BuildKit, so that an old engine builds it, too.

FROM python:3.13-slim AS build
# As in the Makefile.
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/venv \
    UV_PYTHON_DOWNLOADS=never
RUN pip install --no-cache-dir --disable-pip-version-check uv==$UV_VERSION
WORKDIR /mooring
# What changes seldom comes first: a change in app/ alone installs no other package again.
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-default-groups --all-extras
COPY CHANGELOG.md LICENSE README.md ./
COPY app app
RUN uv build --quiet --wheel --out-dir /wheel && uv pip install --quiet --no-deps --python /venv /wheel/*.whl

FROM python:3.13-slim
COPY --from=build /venv /venv
# A product is copied or mounted here; it may have any name, also `app`.
WORKDIR /product
ENV PATH=/venv/bin:$PATH \
    PYTHONPATH=/product \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOST=0.0.0.0 \
    PORT=3000
# A new volume that is mounted here gets this folder's owner, who writes the secrets into it for
# docker-compose.yml. It is the one thing that the user owns.
RUN install -d -o 10001 -g 10001 /secrets
# A number, by which Kubernetes can tell that it is not root.
USER 10001:10001
EXPOSE 3000
STOPSIGNAL SIGTERM
# /healthz, not /readyz: a node whose Redis is down is not to be replaced.
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=2); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
CMD ["python", "-m", "fastapi_mooring"]
