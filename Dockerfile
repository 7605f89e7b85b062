# One image for every process of Surety; the command chooses which (see docker-compose.yml). Nothing of the demo is in
# it: Invoicebox's simulator is a target of its own.
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
RUN npm prune --omit=dev --ignore-scripts --no-update-notifier

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
COPY --from=production-packages /surety/package.json ./
COPY --from=production-packages /surety/node_modules ./node_modules
COPY --from=build /surety/dist/workflows.bundle.js ./dist/
COPY --from=build /surety/dist/src ./dist/src
COPY --from=build /surety/dist/scripts ./dist/scripts
CMD ["node", "dist/src/api.main.js"]
