/**
 * The worker: one process, five queues. `payments` runs the workflows and their Postgres steps; `invoicebox` makes every
 * call to Invoicebox, as fast as the server lets it; `background` does what nobody waits for;
 * `webhooks` speaks to partners' endpoints, slow ones among them; `imports` books credits by the file. On SIGTERM it takes no new work and lets a running confirm finish.
 */
import { Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { createBatchActivities } from './activities/batch.js';
import { createBatchReadActivities } from './activities/batchReads.js';
import { createCheckActivities } from './activities/checkLedger.js';
import { createImportActivities } from './activities/creditImport.js';
import { createExpiryActivities } from './activities/expirePoints.js';
import { createInvoiceboxActivities } from './activities/invoicebox.js';
import { createLedgerActivities } from './activities/ledger.js';
import { Partners } from './activities/partners.js';
import { createReadEndedActivities } from './activities/readEnded.js';
import { createReconcileActivities } from './activities/reconcile.js';
import { createReturnActivities, createReturnReadActivities } from './activities/returns.js';
import { createBatchStartActivities } from './activities/startBatches.js';
import { createImportStartActivities } from './activities/startImports.js';
import { createReconciliationStartActivities } from './activities/startReconciliations.js';
import { createReturnStartActivities } from './activities/startReturns.js';
import { createSealActivities } from './activities/sealLedger.js';
import { createSweepActivities } from './activities/sweep.js';
import { createDeliveryActivities, createWebhookStartActivities } from './activities/webhooks.js';
import { untilRecovered, whenRestored } from './awaitRecovery.js';
import { dataConverterFor } from './codec.js';
import { readWorkerConfig } from './config.js';
import { createPool } from './database/pool.js';
import { readReadiness } from './health.js';
import { InvoiceboxClient, userAgent } from './invoicebox/client.js';
import { InvoiceboxSight } from './invoicebox/observe.js';
import { KeyRing } from './keyring.js';
import { Audit } from './ledger/audit.js';
import { Batches } from './ledger/batches.js';
import { CreditImports } from './ledger/creditImports.js';
import { Ledger } from './ledger/ledger.js';
import { Points } from './ledger/points.js';
import { Reconciliations } from './ledger/reconciliations.js';
import { Recovery } from './ledger/recovery.js';
import { Statements } from './ledger/statements.js';
import { Returns } from './ledger/returns.js';
import { LedgerChecks } from './ledger/violations.js';
import { Webhooks } from './ledger/webhooks.js';
import { createLog } from './log.js';
import { BooksGauges, monitorPool } from './metrics/gauges.js';
import { createRegistry } from './metrics/registry.js';
import { runsObserved } from './metrics/runs.js';
import { callLine, WorkerMetrics } from './metrics/workerMetrics.js';
import { temporalClient } from './temporalClient.js';
import { bundlePath, failureConverterPath } from './workflows/bundlePath.js';
import { AddressGuard } from './webhooks/address.js';
import { WebhookClient } from './webhooks/client.js';
import { WebhookStarts } from './webhookStarts.js';
import { serveHealth } from './workerHealth.js';
import { installRuntime } from './workerRuntime.js';
import { deploymentName, taskQueues, workflowIdOf } from './workflows/messages.js';

const config = readWorkerConfig();
const log = createLog('worker', config.LOG_LEVEL);
installRuntime(config, log);

const { OTEL_EXPORTER_OTLP_ENDPOINT: collector } = config;
// Before what it looks at; and nothing of it where nobody wants it.
const tracing =
  collector === undefined ? null : (await import('./tracing/tracing.js')).startTracing('surety-worker', collector);
await untilRecovered(config, config.WORKER_HEALTH_PORT, log);
const pool = createPool(config.DATABASE_URL, config.DATABASE_POOL_SIZE, log);
const clientConnection = Connection.lazy({ address: config.TEMPORAL_ADDRESS });
const temporal = temporalClient(clientConnection, config, tracing?.workflow);
const { onDeliveries } = new WebhookStarts(temporal, log);
const registry = createRegistry();
const metrics = new WorkerMetrics(registry);
const { DATABASE_MONITOR_URL: monitorUrl } = config;
const gauges = monitorUrl === undefined ? null : new BooksGauges(monitorUrl, registry, log);
/** The check of the books reads all of them. */
const checkMs = 25 * 60_000;
const checksPool = monitorUrl === undefined ? null : monitorPool(monitorUrl, checkMs, log);
const ledger = new Ledger(pool, onDeliveries, (fact) => {
  metrics.count(fact);
  if (fact.kind === 'ended') log.info({ ...fact, workflowId: workflowIdOf(fact.paymentId) }, 'a payment has ended');
});
const imports = new CreditImports(pool, onDeliveries);
const reconciliations = new Reconciliations(pool, onDeliveries);
const returns = new Returns(pool, onDeliveries);
const batches = new Batches(pool, onDeliveries);
const webhooks = new Webhooks(pool, onDeliveries);
const keyRing = new KeyRing(config.SURETY_KEYS);
const invoicebox = new InvoiceboxSight();
const client = new InvoiceboxClient({
  timeouts: {
    connectMs: config.INVOICEBOX_CONNECT_TIMEOUT_MS,
    readMs: config.INVOICEBOX_READ_TIMEOUT_MS,
    confirmMs: config.INVOICEBOX_CONFIRM_TIMEOUT_MS,
  },
  userAgent,
  onCall: (call) => {
    metrics.called(call);
    tracing?.invoicebox(call);
    invoicebox.note(call);
    log.info(callLine(call), 'Invoicebox was called');
  },
});
const partners = new Partners(pool, keyRing);
const webhookClient = new WebhookClient(
  new AddressGuard(config.SURETY_TEST_MODE === '1'),
  { connectMs: config.WEBHOOK_CONNECT_TIMEOUT_MS, totalMs: config.WEBHOOK_TOTAL_TIMEOUT_MS },
  userAgent,
);
// One for both queues that attempt deliveries: they share what they know of each endpoint.
const deliveries = createDeliveryActivities(
  webhooks,
  webhookClient,
  keyRing,
  { scale: config.WEBHOOK_WAIT_SCALE },
  (event, result) => {
    metrics.delivered(event, result);
  },
);
const connection = await NativeConnection.connect({ address: config.TEMPORAL_ADDRESS });

const pollers = { type: 'autoscaling', minimum: 2, initial: 8, maximum: 50 } as const;
/** Above the longest call to Invoicebox, so that a confirm under way is never cut by a deploy. */
const shutdownGraceMs = config.INVOICEBOX_CONNECT_TIMEOUT_MS + config.INVOICEBOX_CONFIRM_TIMEOUT_MS + 20_000;

const interceptors = {
  activity: [
    ...(tracing === null ? [] : [tracing.activity]),
    runsObserved((activity) => {
      metrics.ran(activity);
    }),
  ],
};

const common = {
  connection,
  interceptors,
  namespace: config.TEMPORAL_NAMESPACE,
  dataConverter: { ...dataConverterFor(config.SURETY_CODEC_KEYS), failureConverterPath },
  ...(config.WORKER_PINNED_BUILD_ID === undefined
    ? {}
    : {
        workerDeploymentOptions: {
          version: { deploymentName, buildId: config.WORKER_PINNED_BUILD_ID },
          useWorkerVersioning: true as const,
          defaultVersioningBehavior: 'PINNED' as const,
        },
      }),
};

const makers = {
  payments: () =>
    Worker.create({
      ...common,
      taskQueue: taskQueues.payments,
      workflowBundle: { codePath: bundlePath },
      activities: {
        ...createLedgerActivities(ledger, (why) => {
          metrics.compensated(why);
        }),
        ...createReturnActivities(returns),
      },
      enableNonLocalActivities: false,
      workflowTaskPollerBehavior: pollers,
      maxConcurrentWorkflowTaskExecutions: 200,
      maxCachedWorkflows: 2_000,
      stickyQueueScheduleToStartTimeout: '2 s',
      shutdownGraceTime: shutdownGraceMs,
    }),
  invoicebox: () =>
    Worker.create({
      ...common,
      taskQueue: taskQueues.invoicebox,
      activities: {
        ...createInvoiceboxActivities(client, ledger, partners),
        ...createReadEndedActivities(client, reconciliations, partners),
        ...createReturnReadActivities(client, partners),
        ...createBatchReadActivities(client, batches, partners),
      },
      activityTaskPollerBehavior: pollers,
      maxConcurrentActivityTaskExecutions: config.INVOICEBOX_SLOTS,
      // By default heartbeats are held back to 80 % of their time-out: a stall of a second would lose a call's answer.
      maxHeartbeatThrottleInterval: '1 s',
      defaultHeartbeatThrottleInterval: '1 s',
      shutdownGraceTime: shutdownGraceMs,
    }),
  background: () =>
    Worker.create({
      ...common,
      taskQueue: taskQueues.background,
      workflowBundle: { codePath: bundlePath },
      activities: {
        ...createSweepActivities(temporal, new Recovery(pool)),
        ...createExpiryActivities(new Points(pool, onDeliveries)),
        ...createSealActivities(new Audit(pool)),
        ...createCheckActivities(new LedgerChecks(pool), checksPool),
        ...createBatchActivities(batches, partners, temporal),
        ...createBatchStartActivities(batches, temporal),
        // Of imports that a worker began who knew no queue for them.
        ...createImportActivities(imports),
        ...createImportStartActivities(imports, temporal),
        ...createReconcileActivities(new Statements(pool), reconciliations, partners),
        ...createReconciliationStartActivities(reconciliations, temporal),
        ...createReturnStartActivities(returns, temporal),
        ...createWebhookStartActivities(webhooks, temporal),
        ...deliveries,
      },
      workflowTaskPollerBehavior: pollers,
      // A first attempt to deliver is made within its workflow task: far more places than such attempts may take.
      maxConcurrentWorkflowTaskExecutions: 500,
      maxConcurrentLocalActivityExecutions: 500,
      // Deliveries that are being made; one that waits for a day is read again from its short history.
      maxCachedWorkflows: 1_000,
      // Runs of Schedules, and what is done piece by piece: each waits for Postgres or a server most of its time, and none
      // must find all places taken by others that go on for minutes.
      maxConcurrentActivityTaskExecutions: 40,
      shutdownGraceTime: config.WEBHOOK_TOTAL_TIMEOUT_MS + 5_000,
    }),
  imports: () =>
    Worker.create({
      ...common,
      taskQueue: taskQueues.imports,
      activities: createImportActivities(imports),
      maxConcurrentActivityTaskExecutions: config.IMPORT_SLOTS,
      shutdownGraceTime: '15 s',
    }),
  webhooks: () =>
    Worker.create({
      ...common,
      taskQueue: taskQueues.webhooks,
      activities: deliveries,
      activityTaskPollerBehavior: pollers,
      maxConcurrentActivityTaskExecutions: config.WEBHOOK_SLOTS,
      shutdownGraceTime: config.WEBHOOK_TOTAL_TIMEOUT_MS + 5_000,
    }),
};
const workers = await Promise.all(config.WORKER_QUEUES.map((queue) => makers[queue]()));

const health = serveHealth(config, registry, log, async () => ({
  ...(await readReadiness(pool, clientConnection, config.TEMPORAL_NAMESPACE)),
  // Shown, for who looks: with Invoicebox down there is as much to do as ever.
  invoicebox: invoicebox.words,
}));

const running = Promise.all(workers.map((worker) => worker.run()));
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    log.info({ signal }, 'no new work is taken; what runs may finish');
    shutDown();
  });
}
whenRestored(pool, () => {
  log.fatal('the ledger was restored beneath this worker: it ends, and the next one waits for the recovery');
  process.exitCode = 1;
  shutDown();
});
log.info({ queues: config.WORKER_QUEUES }, 'worker running');

try {
  await running;
} finally {
  health.close();
  await Promise.all([client.close(), webhookClient.close()]);
  await Promise.all([pool.end(), gauges?.end(), checksPool?.end()]);
  await tracing?.end();
  await clientConnection.close();
  await connection.close();
}
log.info('worker stopped');

function shutDown(): void {
  for (const worker of workers) if (worker.getState() === 'RUNNING') worker.shutdown();
}
