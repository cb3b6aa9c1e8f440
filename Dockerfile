# The image of the service. Debian rather than Alpine: the npm package `node`, a development dependency, is a glibc binary.
# docs/security.md says how to pin it by its digest.
ARG NODE_IMAGE=node:24.21.0-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# No package that we use needs its install script here; leaving them out saves the download of a second Node.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
# With `--omit=dev` npm would keep those that a dependency names as optional peers: TypeScript, pg.
RUN node scripts/build.ts && npm pkg delete devDependencies && npm prune --ignore-scripts --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json ./
COPY bin ./bin
# By number, so that an orchestrator can see that it is not root.
USER 1000:1000
EXPOSE 8080
# Patient: on a machine that is busy, Node alone takes seconds to start, for the service and for each check.
HEALTHCHECK --interval=10s --timeout=10s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/health/live`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "bin/payment-poller.js"]
CMD ["start"]
