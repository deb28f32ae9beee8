# docker build -t longshore .
# docker run -p 8080:8080 -v longshore:/data -e LONGSHORE_AUTH=key -e LONGSHORE_API_KEYS='[…]' longshore
#
# It listens for others, so it has to be told whom to let in (docs/security.md); without that it does not start. To try it on this
# machine alone: docker run -p 127.0.0.1:8080:8080 -e LONGSHORE_ALLOW_ANONYMOUS=1 longshore
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY build build
COPY src src
RUN npm run build && npm prune --omit=dev

FROM node:24-slim
ENV NODE_ENV=production \
    PORT=8080 \
    LONGSHORE_HOST=0.0.0.0 \
    LONGSHORE_DATA_DIR=/data
WORKDIR /app
RUN mkdir /data && chown node:node /data
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY bin bin
COPY package.json LICENSE ./
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node gets the signals itself: SIGTERM answers the parked polls and flushes.
ENTRYPOINT ["node", "--max-semi-space-size=64", "bin/longshore.mjs"]
CMD ["serve"]
