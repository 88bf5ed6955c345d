# docker build -t beacon .
# docker run --name beacon -p 127.0.0.1:8080:8080 -v beacon:/data beacon
# docker logs beacon    # has the URL that logs a browser in
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -o /beacon ./cmd/beacon \
 && install -d -o 65532 -g 65532 -m 0700 /data

# The table's engine is C++, and its library is in no smaller image of this family.
FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates libstdc++6 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /beacon /usr/local/bin/beacon
COPY --from=build --chown=65532:65532 /data /data
USER 65532:65532
VOLUME /data
EXPOSE 8080
ENV BEACON_LISTEN=:8080 BEACON_DATA=/data
# The command is the container's first process: docker stop drains it. After a load that takes
# longer than docker's ten seconds: give it --stop-timeout 30.
STOPSIGNAL SIGTERM
ENTRYPOINT ["beacon"]
CMD ["serve"]
