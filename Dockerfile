# The daemon in a container: built in one image, run in another that has nothing but Debian's base and the program.
# docs/operations.md says how to run it.

FROM rust:1.90-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin geofenced

FROM debian:bookworm-slim
# A user without a name elsewhere, who owns the data and nothing else.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/geofenced --shell /usr/sbin/nologin geofenced \
    && install -d -o geofenced -g geofenced -m 700 /var/lib/geofenced
COPY --from=build /src/target/release/geofenced /usr/bin/geofenced
COPY configs/geofenced.toml /etc/geofenced/geofenced.toml

# In a container loopback reaches nobody; which ports are open to whom is the engine's to say.
ENV GEOFENCED_CONFIG=/etc/geofenced/geofenced.toml \
    GEOFENCED__DAEMON__DATA_DIR=/var/lib/geofenced \
    GEOFENCED__INGEST__LISTEN=0.0.0.0:7400 \
    GEOFENCED__ADMIN__LISTEN=0.0.0.0:8080
EXPOSE 7400/udp 8080/tcp
USER geofenced
WORKDIR /var/lib/geofenced
VOLUME /var/lib/geofenced
STOPSIGNAL SIGTERM
# bash speaks enough HTTP for this, so no client need be installed; a daemon with TLS on the port answers it with 400, which
# says as much. Recovery takes its time before anything is served.
HEALTHCHECK --interval=15s --timeout=5s --start-period=300s --retries=3 CMD ["bash", "-c", \
    "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* || $line == *' 400 '* ]]"]
ENTRYPOINT ["/usr/bin/geofenced"]
CMD ["serve"]
