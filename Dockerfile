# syntax=docker/dockerfile:1

# Two stages to aim at:
#
#   develop     the sources compiled and run in the container, with the development issuer:
#                 docker build --target develop --tag portcullis:develop .
#                 docker run --rm --init --network host --volume "$PWD:/portcullis" portcullis:develop
#               The host's network, because the development issuer listens on loopback alone.
#
#   production  (the default) the service and what it links to: no shell, no package manager, no development issuer.
#                 docker build --tag portcullis .
#                 docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges --memory 256m --pids-limit 128 \
#                   --env-file .env --env DATABASE_MIGRATE=true --publish 8080:8080 --volume portcullis:/data portcullis

ARG RUST_VERSION=1.95.0
ARG DEBIAN=trixie

# Brings the C compiler that SQLite and the cryptography need. Its Debian is the one of the production stage, since the
# binary links to that glibc.
FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS toolchain
WORKDIR /portcullis


FROM toolchain AS develop
# Build output stays out of the mounted sources, where the host's own lies.
ENV CARGO_TARGET_DIR=/var/cache/portcullis-target
COPY . .
RUN cargo fetch --locked
EXPOSE 8080 8081
CMD ["cargo", "run", "--locked", "--", "dev"]


FROM toolchain AS build
COPY . .
# Crates and objects are kept between builds in caches; the binary is copied out of them within the same step.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/portcullis/target \
    cargo build --locked --release --no-default-features \
    && install -D target/release/portcullis /image/usr/local/bin/portcullis \
    && install --directory --owner 65532 --group 65532 /image/data


FROM gcr.io/distroless/cc-debian13:nonroot AS production
LABEL org.opencontainers.image.title="Portcullis" \
      org.opencontainers.image.description="Proves bearer tokens against your identity provider, keeps local principals and decides rights before a handler runs."
COPY --from=build /image/ /
# Everything else is the operator's: OIDC_ISSUER, OIDC_AUDIENCE, and SERVER_PUBLIC_URL, which is never guessed.
ENV DATABASE_URL=sqlite:///data/portcullis.db \
    LOG_FORMAT=json \
    SERVER_BIND=0.0.0.0:8080
# By number, so that an orchestrator can see that it is not root. It is the `nonroot` of the base image.
USER 65532:65532
VOLUME /data
EXPOSE 8080
# SIGTERM is what the service drains on.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/portcullis"]
CMD ["serve"]
