# One image for every process of Surety; the command chooses which (see docker-compose.yml). Nothing of the demo is in
# it: Invoicebox's simulator is a target of its own. It writes nothing, so that its file system may be read-only.
# test/deploy/image.test.ts follows these lines, one by one, and runs what comes of it.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /surety
# Packages change less often than sources: a layer of their own. None of them needs an install script.
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-update-notifier
COPY tsconfig.json ./
COPY packages ./packages
COPY scripts ./scripts
COPY simulator ./simulator
COPY src ./src
RUN node scripts/build.mjs

FROM build AS production-packages
# Optional are TypeScript, for what reads sources, and the compiler of bundles, of which there is one already.
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-update-notifier

FROM node:24.21.0-bookworm-slim AS runtime
ENV NODE_ENV=production
WORKDIR /surety
# The files belong to root and are run by node: a process cannot change its own code.
USER node

# The twin of Invoicebox for the demo profile. It needs dev packages (oidc-provider).
FROM runtime AS simulator
COPY --from=build /surety/package.json ./
COPY --from=build /surety/node_modules ./node_modules
COPY --from=build /surety/dist ./dist
CMD ["node", "dist/simulator/main.js"]

# The last stage is the one that a build without a target makes.
FROM runtime AS surety
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="Surety" \
      org.opencontainers.image.description="Payment saga service for partners of Invoicebox" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="MIT"
COPY --from=production-packages /surety/package.json ./
COPY --from=production-packages /surety/node_modules ./node_modules
COPY --from=build /surety/dist/workflows.bundle.js ./dist/
COPY --from=build /surety/dist/src ./dist/src
# An operator's commands, and nothing of what else is among the scripts.
COPY --from=build /surety/dist/scripts/partner.js /surety/dist/scripts/pausePartner.js /surety/dist/scripts/reseal.js /surety/dist/scripts/resolve.js /surety/dist/scripts/recover.js ./dist/scripts/
COPY --from=build /surety/dist/scripts/verify ./dist/scripts/verify
COPY LICENSE ./
# Of API and worker, whichever runs in it; jobs and commands end before it is asked.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["node", "dist/src/healthy.main.js"]
CMD ["node", "dist/src/api.main.js"]
