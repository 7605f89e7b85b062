/** What Surety needs of a Temporal server: a namespace, typed search attributes, the limits of the Invoicebox queue. */
import { setTimeout as pause } from 'node:timers/promises';
import { status } from '@grpc/grpc-js';
import {
  Client,
  Connection,
  isGrpcServiceError,
  ScheduleAlreadyRunning,
  ScheduleOverlapPolicy,
} from '@temporalio/client';
import proto from '@temporalio/proto';
import type { TemporalSetupConfig } from './config.js';
import {
  checkScheduleId,
  checkWorkflow,
  expirePointsScheduleId,
  expirePointsWorkflow,
  sealScheduleId,
  sealWorkflow,
  searchAttributes,
  startBatchesScheduleId,
  startBatchesWorkflow,
  startImportsScheduleId,
  startImportsWorkflow,
  startReconciliationsScheduleId,
  startReconciliationsWorkflow,
  startReturnsScheduleId,
  startReturnsWorkflow,
  startWebhooksScheduleId,
  startWebhooksWorkflow,
  sweepScheduleId,
  sweepWorkflow,
  taskQueues,
} from './workflows/messages.js';

/** Intervals are counted from 1970, so this falls on every zone's midnight. */
const quarterHourMs = 15 * 60_000;

/** All the books are read, which takes as long as they are many. */
const checkTimeoutMs = 35 * 60_000;

/** Histories are evidence. */
const retentionDays = 90;

/** Idempotent: registers what is missing, and waits until the server knows it. */
export async function prepareTemporal(config: TemporalSetupConfig): Promise<void> {
  const namespace = config.TEMPORAL_NAMESPACE;
  // A server that is starting beside us may take its time.
  const connection = await Connection.connect({ address: config.TEMPORAL_ADDRESS, connectTimeout: '60 s' });
  try {
    await unlessItExists(() =>
      connection.workflowService.registerNamespace({
        namespace,
        workflowExecutionRetentionPeriod: proto.google.protobuf.Duration.fromObject({
          seconds: retentionDays * 86_400,
        }),
      }),
    );
    await untilAnswered(() => connection.workflowService.describeNamespace({ namespace }));
    const missing = await untilAnswered(() => missingSearchAttributes(connection, namespace));
    if (missing.length > 0) {
      const wanted = Object.fromEntries(
        missing.map((name) => [name, proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD]),
      );
      await untilAnswered(() =>
        connection.operatorService.addSearchAttributes({ namespace, searchAttributes: wanted }),
      );
    }
    await untilAnswered(() =>
      connection.workflowService.updateTaskQueueConfig({
        namespace,
        identity: 'surety-setup',
        taskQueue: taskQueues.invoicebox,
        taskQueueType: proto.temporal.api.enums.v1.TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        updateQueueRateLimit: {
          rateLimit: { requestsPerSecond: config.INVOICEBOX_CALLS_PER_SECOND_ADDRESS },
          reason: 'Invoicebox: per address',
        },
        updateFairnessKeyRateLimitDefault: {
          rateLimit: { requestsPerSecond: config.INVOICEBOX_CALLS_PER_SECOND_ACCOUNT },
          reason: 'Invoicebox: per account',
        },
      }),
    );
    await untilAnswered(() => scheduleAll(connection, config));
    await untilAnswered(async () => {
      const still = await missingSearchAttributes(connection, namespace);
      if (still.length > 0) throw new Error(`search attributes not known yet: ${still.join(', ')}`);
    });
  } finally {
    await connection.close();
  }
}

/** One at a time: a run that is due while one runs is left out, and counted by the server. A stuck one is ended. */
export function wantedSchedules(config: TemporalSetupConfig) {
  const of = (
    workflowId: string,
    workflowType: string,
    everyMs: number,
    args: unknown[],
    timeoutMs = config.SWEEP_TIMEOUT_MS,
  ) => ({
    spec: { intervals: [{ every: everyMs }] },
    action: {
      type: 'startWorkflow' as const,
      workflowType,
      workflowId,
      taskQueue: taskQueues.background,
      args,
      workflowRunTimeout: timeoutMs,
    },
    policies: { overlap: ScheduleOverlapPolicy.SKIP, catchupWindow: everyMs },
  });
  return {
    [sweepScheduleId]: of(sweepScheduleId, sweepWorkflow, config.SWEEP_EVERY_MS, [
      { graceMs: config.SWEEP_GRACE_MS, holdAgeMs: config.SWEEP_HOLD_AGE_MS },
    ]),
    [expirePointsScheduleId]: of(expirePointsScheduleId, expirePointsWorkflow, quarterHourMs, []),
    [sealScheduleId]: of(sealScheduleId, sealWorkflow, config.SEAL_EVERY_MS, []),
    [checkScheduleId]: of(checkScheduleId, checkWorkflow, config.LEDGER_CHECK_EVERY_MS, [], checkTimeoutMs),
    [startImportsScheduleId]: of(startImportsScheduleId, startImportsWorkflow, config.SWEEP_EVERY_MS, [
      { graceMs: config.SWEEP_GRACE_MS },
    ]),
    [startReconciliationsScheduleId]: of(
      startReconciliationsScheduleId,
      startReconciliationsWorkflow,
      config.SWEEP_EVERY_MS,
      [{ graceMs: config.SWEEP_GRACE_MS, everyMs: config.RECONCILE_EVERY_MS }],
    ),
    [startReturnsScheduleId]: of(startReturnsScheduleId, startReturnsWorkflow, config.SWEEP_EVERY_MS, [
      { graceMs: config.SWEEP_GRACE_MS },
    ]),
    [startBatchesScheduleId]: of(startBatchesScheduleId, startBatchesWorkflow, config.SWEEP_EVERY_MS, [
      { graceMs: config.SWEEP_GRACE_MS },
    ]),
    [startWebhooksScheduleId]: of(startWebhooksScheduleId, startWebhooksWorkflow, config.WEBHOOK_START_EVERY_MS, [
      { graceMs: config.WEBHOOK_START_GRACE_MS },
    ]),
  };
}

async function scheduleAll(connection: Connection, config: TemporalSetupConfig): Promise<void> {
  const { schedule } = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  for (const [scheduleId, options] of Object.entries(wantedSchedules(config))) {
    try {
      await schedule.create({ scheduleId, ...options });
    } catch (error) {
      if (!(error instanceof ScheduleAlreadyRunning)) throw error;
      await schedule.getHandle(scheduleId).update((now) => ({ ...now, ...options }));
    }
  }
}

/** Names of search attributes that are not registered; upserting one of them would stop a workflow. */
export async function missingSearchAttributes(connection: Connection, namespace: string): Promise<string[]> {
  const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace });
  return Object.values(searchAttributes)
    .map((attribute) => attribute.name)
    .filter((name) => customAttributes[name] === undefined);
}

async function unlessItExists(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (!isGrpcServiceError(error) || error.code !== status.ALREADY_EXISTS) throw error;
  }
}

/** A namespace is known to all parts of a server only after a while. */
async function untilAnswered<T>(ask: () => Promise<T>): Promise<T> {
  const tries = 60;
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (attempt === tries) throw error;
      await pause(500);
    }
  }
}
