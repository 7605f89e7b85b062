/** The API's process: REST under /v1, the buyer's page under /pay, health. */
import 'reflect-metadata';
import { createRequire } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import cookieParser from 'cookie-parser';
import { urlencoded } from 'express';
import helmet from 'helmet';
import { codecPath, temporalUiAlone } from './api/codec/codecBorder.js';
import { readStatementForm } from './api/console/reconciliation/statementForm.js';
import { serveDocumentation } from './api/openapi.js';
import { ApiModule } from './api/api.module.js';
import { NestLog } from './api/nestLog.js';
import { refuseEmptyIds } from './api/unreadable.js';
import { ProblemFilter } from './api/problem.js';
import { followRequests } from './api/requests.js';
import { boundBodies, PatientForAWhile } from './api/slowClients.js';
import { untilRecovered } from './awaitRecovery.js';
import { readApiConfig } from './config.js';
import { createLog } from './log.js';
import { HttpMetrics } from './metrics/httpMetrics.js';
import { createRegistry } from './metrics/registry.js';
import { serveMetrics } from './metrics/scrape.js';

const bodyLimit = '64kb';
const config = readApiConfig();
const log = createLog('api', config.LOG_LEVEL);
const registry = createRegistry();
const { OTEL_EXPORTER_OTLP_ENDPOINT: collector } = config;
// Before what it looks at; and nothing of it where nobody wants it.
const tracing =
  collector === undefined ? null : (await import('./tracing/tracing.js')).startTracing('surety-api', collector);
await untilRecovered(config, config.PORT, log);
const app = await NestFactory.create<NestExpressApplication>(
  ApiModule.with(config, log, tracing),
  new PatientForAWhile(),
  { bodyParser: false, logger: new NestLog(log) },
);

app.disable('x-powered-by');
app.set('query parser', 'simple');
app.set('trust proxy', config.TRUSTED_PROXIES);
if (tracing !== null) app.use(tracing.request);
app.use(followRequests(new HttpMetrics(registry), log));
app.use(
  helmet({
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        styleSrc: ["'self'"],
        scriptSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
  }),
);
app.use((_request: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
  response.setHeader('X-Robots-Tag', 'noindex');
  next();
});
// Swagger's page styles itself; it has neither session nor form of ours.
app.use('/docs', (_request: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
  const own = "default-src 'none'; script-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'";
  response.setHeader('Content-Security-Policy', `${own}; style-src 'self' 'unsafe-inline'; img-src 'self' data:`);
  next();
});
app.use(boundBodies);
app.use('/v1', refuseEmptyIds);
app.use(['/pay', '/console'], urlencoded({ extended: false, limit: bodyLimit, parameterLimit: 50 }), cookieParser());
const temporalUi = config.TEMPORAL_UI_URL === undefined ? null : new URL(config.TEMPORAL_UI_URL).origin;
app.use(codecPath, temporalUiAlone(temporalUi), cookieParser());
app.use('/console/reconciliation/statements', readStatementForm);
app.useStaticAssets(fileURLToPath(new URL('./api/pay/assets/', import.meta.url)), {
  prefix: '/pay-assets/',
  maxAge: '1h',
});
app.useStaticAssets(fileURLToPath(new URL('./api/console/assets/', import.meta.url)), {
  prefix: '/console-assets/',
  maxAge: '1h',
});
app.useStaticAssets(dirname(createRequire(import.meta.url).resolve('uplot/dist/uPlot.iife.min.js')), {
  prefix: '/console-assets/uplot/',
  maxAge: '1h',
});
serveDocumentation(app);
app.useGlobalFilters(new ProblemFilter(config.SURETY_TEST_MODE === '1'));
app.enableShutdownHooks();

await app.listen(config.PORT, config.HOST);
if (config.METRICS_PORT !== 0) {
  const metrics = serveMetrics(registry, { port: config.METRICS_PORT, host: config.HOST }, (error) => {
    log.error({ error }, 'a scrape was not answered');
  });
  // Nothing waits for it: it goes with the process, and keeps it from nothing.
  metrics.unref();
}
log.info({ port: config.PORT, metricsPort: config.METRICS_PORT }, 'API listening');
