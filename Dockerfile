# Both programs from one build. Targets: gateway, backend.

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package gateway --package backend --bins

# curl is for the health checks of compose.yaml.
FROM debian:bookworm-slim AS base
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates curl \
    && rm -rf /var/lib/apt/lists/*

FROM base AS backend
COPY --from=build /src/target/release/backend /usr/local/bin/backend
USER nobody
EXPOSE 4200 4201 4290 4291
ENTRYPOINT ["/usr/local/bin/backend"]

# Relative paths of certificates start at Traefik's folder. Root, as Traefik's image: ports 80 and 443, keys of mode 0600.
FROM base AS gateway
COPY --from=build /src/target/release/gateway /usr/local/bin/gateway
WORKDIR /etc/traefik
EXPOSE 80 443 8080
ENTRYPOINT ["/usr/local/bin/gateway"]
