# syntax=docker/dockerfile:1

# --- build ------------------------------------------------------------------------------------------------------------
FROM rust:1-bookworm AS build
WORKDIR /src
# Dependencies first: they change less often than the code, so this layer is mostly cached.
COPY Cargo.toml Cargo.lock ./
COPY benches benches
RUN mkdir src && echo 'fn main() {}' > src/main.rs && : > src/lib.rs \
    && cargo build --locked --profile dist --bin agent-smith && rm -r src
COPY . .
RUN touch src/main.rs src/lib.rs && cargo build --locked --profile dist --bin agent-smith

# --- run --------------------------------------------------------------------------------------------------------------
FROM debian:bookworm-slim
# git, with ssh, for pipelines that check code out, CA certificates for every platform over https, tini-like reaping is not
# needed: agent-smith adopts and reaps what its steps leave behind.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates git openssh-client \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --create-home --home-dir /var/lib/agent-smith agent-smith
COPY --from=build /src/target/dist/agent-smith /usr/local/bin/agent-smith
USER agent-smith
WORKDIR /etc/agent-smith
ENV AGENTSMITH_CONFIG=/etc/agent-smith/agentsmith.yml \
    STATE_DIRECTORY=/var/lib/agent-smith
VOLUME /var/lib/agent-smith
EXPOSE 8081
HEALTHCHECK --interval=30s --timeout=3s --start-period=5s CMD ["agent-smith", "health"]
ENTRYPOINT ["agent-smith"]
CMD ["server"]
