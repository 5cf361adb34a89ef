# The daemon, not root. Base by default; everything: --build-arg EXTRAS='[rl,sentiment,graph]'.
#   docker build -t trading-engine . && docker run --rm -p 127.0.0.1:8787:8787 -e TRADING_API_TOKEN=... trading-engine
FROM python:3.13-slim AS build
ARG EXTRAS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
# hadolint ignore=DL3008
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends binutils && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/trading-engine
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY deploy/torch.sh deploy/
RUN python -m venv /opt/venv \
 && if [ -n "$EXTRAS" ]; then sh deploy/torch.sh /opt/venv/bin/python torch==2.13.0 1 https://download.pytorch.org/whl/cpu; fi
COPY . .
RUN /opt/venv/bin/pip install --quiet --no-compile -c constraints.txt -e ".$EXTRAS" \
 && deploy/slim.sh /opt/venv && deploy/image.sh /opt/venv \
 && /opt/venv/bin/pip uninstall --quiet --yes pip

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /state engine && mkdir /state && chown engine /state
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/trading-engine /opt/trading-engine
WORKDIR /opt/trading-engine
USER engine
# Byte code is not in the image; it is kept in /tmp, or each health check would compile all that it imports.
# All addresses of the container: a token is a must then, and the daemon says so where there is none.
ENV PATH=/opt/venv/bin:$PATH PYTHONPYCACHEPREFIX=/tmp/byte-code PYTHONUNBUFFERED=1 \
    STATE_DIR=/state TRADING_HOST=0.0.0.0 MPLCONFIGDIR=/tmp/matplotlib
VOLUME /state
EXPOSE 8787
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 CMD ["trading-engine", "watch"]
CMD ["python", "server.py"]
