# The image holds one static binary and what it needs from a system: CA certificates, a user, /tmp.
# Time zones are inside the binary (-tags timetzdata).
#
#   docker build --build-arg VERSION=v0.1.0 -t registry.example.com/impactsync:v0.1.0 .

# A tag can be moved; a digest cannot. To pin the base, look its digest up with
# docker buildx imagetools inspect golang:1.26-bookworm, and build with
#   --build-arg GO_IMAGE=golang:1.26-bookworm@sha256:...
ARG GO_IMAGE=golang:1.26-bookworm
FROM ${GO_IMAGE} AS build
WORKDIR /src

# Modules first: this layer changes only when they do.
ARG GOPROXY=https://proxy.golang.org,direct
COPY go.mod go.sum ./
RUN go mod download

COPY . .
ARG VERSION=dev
ARG REVISION=unknown
# With the drivers of Snowflake and Databricks (impactsync-warehouse): --build-arg TAGS=warehouse
ARG TAGS=netgo
# SQLite is C: linked statically, without the parts of libc that a static program cannot have
# (its resolver, its user database) and without loadable SQLite extensions. The last two tags are the Makefile's.
RUN CGO_ENABLED=1 go build -trimpath -buildvcs=false \
        -tags ${TAGS},netgo,osusergo,sqlite_omit_load_extension,timetzdata,disable_grpc_modules,grpcnotrace \
        -ldflags "-s -w -linkmode external -extldflags -static -X main.version=${VERSION} -X main.revision=${REVISION}" \
        -o /out/impactsync ./cmd/impactsync

# The root of the final image. Uid 65532 is the usual "nonroot"; /var/lib/impactsync belongs to it,
# so that a named volume mounted there does too.
RUN mkdir -p /out/root/etc/ssl/certs /out/root/etc/impactsync /out/root/var/lib/impactsync /out/root/tmp \
    && cp /etc/ssl/certs/ca-certificates.crt /out/root/etc/ssl/certs/ \
    && echo 'nonroot:x:65532:65532:nonroot:/nonexistent:/sbin/nologin' > /out/root/etc/passwd \
    && echo 'nonroot:x:65532:' > /out/root/etc/group \
    && chown 65532:65532 /out/root/var/lib/impactsync \
    && chmod 0700 /out/root/var/lib/impactsync \
    && chmod 1777 /out/root/tmp


FROM scratch
COPY --from=build /out/root/ /
COPY --from=build /out/impactsync /impactsync

USER 65532:65532
# Where `--config` looks when it is not given.
WORKDIR /etc/impactsync
ENTRYPOINT ["/impactsync"]

ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="impactsync" \
      org.opencontainers.image.description="Tells impact.com what changed in Segment, and only that" \
      org.opencontainers.image.source="https://github.com/impactsync/impactsync" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
