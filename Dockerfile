# syntax=docker/dockerfile:1

# Two stages to aim at:
#
#   develop     the sources, compiled and run in the container with the development issuer, and again on every change:
#                 docker build --target develop --tag portcullis:develop .
#                 docker run --rm --init --network host --volume "$PWD:/portcullis" portcullis:develop
#               The host's network, because the development issuer listens on loopback alone.
#
#   production  (the default) the service and what it links to: no shell, no package manager, no development issuer.
#                 docker build --tag portcullis .
#                 docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --pids-limit 128 \
#                   --env-file .env --env DATABASE_MIGRATE=true --publish 8080:8080 --volume portcullis:/data portcullis
#
# docs/containers.md has the rest: what the image expects, Compose, Kubernetes.

# The two images that this one stands on. Releases pin them by digest: --build-arg RUST_IMAGE=rust:…@sha256:… and so on.
# The Debian of both is the same, since the binary links to the libraries of the first and runs with those of the second.
ARG RUST_IMAGE=rust:1.95.0-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# Brings the C compiler that SQLite and the cryptography need, and the client library of PostgreSQL.
FROM ${RUST_IMAGE} AS toolchain
WORKDIR /portcullis
# Debian takes old versions away when it has new ones, so a pinned one would stop building; what went in is in the image's
# package records.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq-dev \
    && rm -rf /var/lib/apt/lists/*


FROM toolchain AS develop
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends entr \
    && rm -rf /var/lib/apt/lists/*
# Build output stays out of the mounted sources, where the host's own lies.
ENV CARGO_TARGET_DIR=/var/cache/portcullis-target
COPY . .
RUN cargo fetch --locked
EXPOSE 8080 8081
CMD ["scripts/develop"]


FROM toolchain AS build
COPY . .
# Crates and objects are kept between builds in caches; the binary is copied out of them within the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/portcullis/target \
    cargo build --locked --release --no-default-features --features postgres --bin portcullis \
    && install -D target/release/portcullis /image/usr/local/bin/portcullis \
    && scripts/gather-libraries /image/usr/local/bin/portcullis /image \
    && install --directory --owner 65532 --group 65532 /image/data


# Its tag is an argument's, for the digest's sake, and it has one.
# hadolint ignore=DL3006
FROM ${RUNTIME_IMAGE} AS production
ARG VERSION=unreleased
ARG REVISION=unknown
# No licence is named, since none has been chosen.
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="Proves bearer tokens against your identity provider, keeps local principals and decides rights before a handler runs." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
# Everything else is the operator's: OIDC_ISSUER, OIDC_AUDIENCE, and SERVER_PUBLIC_URL, which is never guessed. The folder of
# the database is declared as no VOLUME on purpose: with a read-only root, whoever forgets both to mount one and to name a
# PostgreSQL hears of it at the start, not when the data is gone with the container.
ENV DATABASE_URL=sqlite:///data/portcullis.db \
    LOG_FORMAT=json \
    SERVER_BIND=0.0.0.0:8080
# By number, so that an orchestrator can see that it is not root. It is the `nonroot` of the base image.
USER 65532:65532
EXPOSE 8080 9090
# SIGTERM is what the service drains on.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/portcullis", "health"]
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve"]
