# syntax=docker/dockerfile:1

# Two target stages:
#
#   develop     the sources; compiles and runs the service with the development issuer, and restarts it on every change:
#                 docker build --target develop --tag portcullis:develop .
#                 docker run --rm --init --network host --volume "$PWD:/portcullis" portcullis:develop
#               It needs the host's network, because the development issuer listens on loopback only.
#
#   production  (the default) the service and the libraries that it links to: no shell, no package manager, no development issuer.
#                 docker build --tag portcullis .
#                 docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --pids-limit 128 \
#                   --env-file .env --env DATABASE_MIGRATE=true --publish 8080:8080 --volume portcullis:/data portcullis
#
#               --env-file keeps quotes as part of the value: write BOOTSTRAP_ADMIN without them.
#
# docs/containers.md describes the image, Compose and Kubernetes.

# The two base images. Releases pin them by digest: --build-arg RUST_IMAGE=rust:…@sha256:… and RUNTIME_IMAGE likewise.
# Both have the same Debian version, because the binary is linked against the libraries of the first and runs with those of the second.
ARG RUST_IMAGE=rust:1.95.0-slim-trixie
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian13:nonroot

# Has the C compiler that SQLite and the cryptography library need, and the client library of PostgreSQL.
FROM ${RUST_IMAGE} AS toolchain
WORKDIR /portcullis
# Not pinned: Debian removes old package versions, and a pinned one would stop the build. The image's package records list the versions.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libpq-dev \
    && rm -rf /var/lib/apt/lists/*


FROM toolchain AS develop
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends entr \
    && rm -rf /var/lib/apt/lists/*
# Outside of the mounted sources, which can contain the host's build output.
ENV CARGO_TARGET_DIR=/var/cache/portcullis-target
COPY . .
RUN cargo fetch --locked
EXPOSE 8080 8081
CMD ["scripts/develop"]


FROM toolchain AS build
COPY . .
# Crates and build output are cached between builds; the binary is copied out of the cache in the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/portcullis/target \
    cargo build --locked --release --no-default-features --features postgres --bin portcullis \
    && install -D target/release/portcullis /image/usr/local/bin/portcullis \
    && scripts/gather-libraries /image/usr/local/bin/portcullis /image \
    && install --directory --owner 65532 --group 65532 /image/data


# The tag is in the argument, so that a build can set a digest.
# hadolint ignore=DL3006
FROM ${RUNTIME_IMAGE} AS production
ARG VERSION=unreleased
ARG REVISION=unknown
# No licence label, because none has been chosen.
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="Verifies bearer tokens with the keys of your identity provider, manages local principals and decides permissions before a handler runs." \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
# The operator sets everything else: OIDC_ISSUER, OIDC_AUDIENCE and SERVER_PUBLIC_URL. The database directory is deliberately not a VOLUME:
# with a read-only root, a missing mount fails the start, instead of losing the data together with an anonymous volume.
ENV DATABASE_URL=sqlite:///data/portcullis.db \
    LOG_FORMAT=json \
    SERVER_BIND=0.0.0.0:8080
# By number, so that an orchestrator can verify that it is not root. It is the user `nonroot` of the base image.
USER 65532:65532
EXPOSE 8080 9090
# SIGTERM starts a graceful shutdown.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["/usr/local/bin/portcullis", "health"]
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve"]
