# The image of Tidegate: one static binary and nothing else. scripts/image builds it.
#
#   docker build -t tidegate:dev .
#   docker buildx build --platform linux/amd64,linux/arm64 -t REGISTRY/tidegate:TAG --push .
#
# The stage `build` may be replaced by a directory that holds out/tidegate (--build-context build=DIR), for machines
# that have a binary but no registry.

FROM docker.io/library/rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# Static with glibc: an explicit --target keeps +crt-static away from build scripts and procedural macros, which cannot
# be static. Debug information stays out of the image, symbol names stay in it for backtraces.
ARG TARGETARCH
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,id=tidegate-target-${TARGETARCH},sharing=locked \
    set -eu; \
    case "${TARGETARCH:-$(uname -m)}" in \
      amd64 | x86_64) target=x86_64-unknown-linux-gnu ;; \
      arm64 | aarch64) target=aarch64-unknown-linux-gnu ;; \
      *) echo "no build for ${TARGETARCH}" >&2; exit 1 ;; \
    esac; \
    RUSTFLAGS="-C target-feature=+crt-static" CARGO_PROFILE_RELEASE_STRIP=debuginfo \
      cargo build --release --locked --bin tidegate --target "$target"; \
    install -D "target/$target/release/tidegate" /out/tidegate

FROM scratch
ARG VERSION=dev
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
LABEL org.opencontainers.image.title="tidegate" \
      org.opencontainers.image.description="A Kubernetes Ingress controller that is its own proxy" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /out/tidegate /tidegate
# Transparent huge pages would round every small arena up to 2 MiB.
ENV MIMALLOC_ALLOW_THP=0
USER 65532:65532
# http, https, admin (metrics, health, debug), health for load balancers
EXPOSE 8080 8443 9090 8081
ENTRYPOINT ["/tidegate"]
CMD ["serve"]
