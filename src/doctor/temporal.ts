/** How the Temporal server stands: namespace, search attributes, the queue that keeps Invoicebox's quota, workers, Schedules, clock. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { Client, ScheduleNotFoundError, type Connection } from '@temporalio/client';
import proto from '@temporalio/proto';
import type pg from 'pg';
import type { TemporalSetupConfig } from '../config.js';
import { missingSearchAttributes, wantedSchedules } from '../temporal.js';
import { reconcileSchedulePrefix, taskQueues } from '../workflows/messages.js';
import { well, wrong, type Finding } from './finding.js';
import { skew } from './postgres.js';

const { TaskQueueType } = proto.temporal.api.enums.v1;
const setUp = 'Run the job `temporal-setup` (node dist/src/temporalSetup.main.js).';
const callWithinMs = 10_000;

/** @param pool null: Postgres cannot be read, so what it says of Temporal is left out */
export async function lookAtTemporal(
  connection: Connection,
  pool: pg.Pool | null,
  config: TemporalSetupConfig,
): Promise<Finding[]> {
  return connection.withDeadline(Date.now() + 6 * callWithinMs, async () => [
    await namespaceOf(connection, pool, config),
    await searchAttributesOf(connection, config),
    ...(await quotaQueue(connection, config)),
    ...(await workers(connection, config)),
    ...(await schedules(connection, config)),
    ...(pool === null ? [] : [await partnerSchedules(connection, pool, config)]),
    await clock(connection, config),
  ]);
}

async function namespaceOf(
  connection: Connection,
  pool: pg.Pool | null,
  { TEMPORAL_NAMESPACE: namespace }: TemporalSetupConfig,
): Promise<Finding> {
  const about = 'namespace';
  const { namespaceInfo } = await connection.workflowService.describeNamespace({ namespace });
  const id = namespaceInfo?.id ?? '';
  if (pool === null) return well(about, `${namespace} is there`);
  const { rows } = await pool.query<{ id: string }>('SELECT id FROM surety.temporal_namespace');
  const ours = rows[0]?.id;
  if (ours === undefined) return well(about, `${namespace} is there; no sweep has looked at it yet`);
  return ours === id
    ? well(about, `${namespace} is the one of these payments`)
    : wrong(
        about,
        `${namespace} has the id ${id}, but the workflows of these payments live in ${ours}`,
        'Check TEMPORAL_ADDRESS; if that server is gone for good, see docs/operating.md, "Another Temporal".',
      );
}

async function searchAttributesOf(
  connection: Connection,
  { TEMPORAL_NAMESPACE: namespace }: TemporalSetupConfig,
): Promise<Finding> {
  const missing = await missingSearchAttributes(connection, namespace);
  return missing.length === 0
    ? well('search attributes', 'registered')
    : wrong('search attributes', `missing: ${missing.join(', ')}; payments would stand still`, setUp);
}

async function quotaQueue(connection: Connection, setup: TemporalSetupConfig): Promise<Finding[]> {
  const { TEMPORAL_NAMESPACE: namespace } = setup;
  const taskQueue = { name: taskQueues.invoicebox };
  const { activityTaskQueuePartitions: partitions } = await connection.workflowService.listTaskQueuePartitions({
    namespace,
    taskQueue,
  });
  const { config } = await connection.workflowService.describeTaskQueue({
    namespace,
    taskQueue,
    taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    reportConfig: true,
  });
  const rates = [
    ['of our address', config?.queueRateLimit, setup.INVOICEBOX_CALLS_PER_SECOND_ADDRESS],
    ['of an account', config?.fairnessKeysRateLimitDefault, setup.INVOICEBOX_CALLS_PER_SECOND_ACCOUNT],
  ] as const;
  const about = "Invoicebox's quota";
  return [
    partitions.length === 1
      ? well(about, 'its queue has one partition')
      : wrong(
          about,
          `its queue has ${partitions.length} partitions: each has a part of the rate, and buyers may stand behind batches`,
          'Set matching.numTaskqueueReadPartitions and …WritePartitions to 1 for the queue invoicebox (deploy/temporal/dynamicconfig.yaml).',
        ),
    ...rates.map(([whose, limit, wanted]) => {
      const is = limit?.rateLimit?.requestsPerSecond;
      // The server keeps it as a float of 32 bits.
      return is != null && Math.abs(is - wanted) < 0.001
        ? well(about, `${wanted} calls a second ${whose}`)
        : wrong(about, `${is ?? 'no limit'} calls a second ${whose}, not ${wanted}`, setUp);
    }),
  ];
}

async function workers(
  connection: Connection,
  { TEMPORAL_NAMESPACE: namespace }: TemporalSetupConfig,
): Promise<Finding[]> {
  const queues = [
    [taskQueues.payments, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
    [taskQueues.background, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW],
    [taskQueues.invoicebox, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
    [taskQueues.webhooks, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
    [taskQueues.imports, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY],
  ] as const;
  return Promise.all(
    queues.map(async ([name, taskQueueType]) => {
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name },
        taskQueueType,
      });
      const identities = new Set(pollers.map(({ identity }) => identity));
      return identities.size > 0
        ? well(`queue ${name}`, `${identities.size} worker${identities.size === 1 ? '' : 's'}`)
        : wrong(`queue ${name}`, 'no worker serves it', 'Start a worker whose WORKER_QUEUES has it.');
    }),
  );
}

async function schedules(connection: Connection, config: TemporalSetupConfig): Promise<Finding[]> {
  const { schedule } = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  return Promise.all(
    Object.keys(wantedSchedules(config)).map(async (scheduleId): Promise<Finding> => {
      const about = `Schedule ${scheduleId}`;
      try {
        const { state, info, spec } = await schedule.getHandle(scheduleId).describe();
        if (state.paused) {
          return wrong(
            about,
            `paused: ${state.note ?? 'no note says why'}`,
            'Unpause it in the Temporal UI or by the CLI.',
          );
        }
        const everyMs = spec.intervals?.[0]?.every ?? 60_000;
        const last = info.recentActions.at(-1)?.takenAt;
        const sinceMs = Date.now() - (last ?? info.createdAt).getTime();
        if (sinceMs > 3 * everyMs + 120_000) {
          return wrong(
            about,
            last === undefined ? 'has never run' : `last ran ${Math.round(sinceMs / 60_000)} min ago`,
            'Look at its last run in the Temporal UI: one that does not end keeps the next from beginning.',
          );
        }
        return well(about, last === undefined ? 'set; its first run is to come' : 'runs');
      } catch (error) {
        if (!(error instanceof ScheduleNotFoundError)) throw error;
        return wrong(about, 'is not there', setUp);
      }
    }),
  );
}

const mostPartners = 1_000;

async function partnerSchedules(connection: Connection, pool: pg.Pool, config: TemporalSetupConfig): Promise<Finding> {
  const about = 'Schedules of reconciliation';
  const { schedule } = new Client({ connection, namespace: config.TEMPORAL_NAMESPACE });
  const { rows } = await pool.query<{ id: string; slug: string }>(
    'SELECT id, slug FROM surety.partner ORDER BY slug LIMIT $1',
    [mostPartners],
  );
  const there = new Map<string, boolean>();
  for await (const { scheduleId, state } of schedule.list()) there.set(scheduleId, state.paused);
  const without = rows.filter(({ id }) => !there.has(reconcileSchedulePrefix + id)).map(({ slug }) => slug);
  const paused = rows.filter(({ id }) => there.get(reconcileSchedulePrefix + id) === true).map(({ slug }) => slug);
  if (without.length > 0) {
    return wrong(
      about,
      `none of ${without.join(', ')}`,
      'The Schedule start-reconciliations makes them within a minute: look at its last run.',
    );
  }
  return paused.length === 0
    ? well(about, `one of each of ${rows.length} partners`)
    : wrong(about, `paused of ${paused.join(', ')}`, 'Unpause them in the Temporal UI when their reason is gone.');
}

/** The server notes when a poller came: so one comes, to a queue of its own that has no work. */
async function clock(connection: Connection, { TEMPORAL_NAMESPACE: namespace }: TemporalSetupConfig): Promise<Finding> {
  const about = 'clock of Temporal';
  const taskQueue = { name: `doctor-${randomUUID()}` };
  const identity = 'surety-doctor';
  const sentMs = Date.now();
  const stop = new AbortController();
  const polled = connection
    .withAbortSignal(stop.signal, () =>
      connection.workflowService.pollActivityTaskQueue({ namespace, taskQueue, identity }),
    )
    // Given up by us, as soon as it was noted.
    .catch(() => undefined);
  try {
    for (let tries = 0; tries < 20; tries++) {
      await pause(100);
      const { pollers } = await connection.workflowService.describeTaskQueue({
        namespace,
        taskQueue,
        taskQueueType: TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
      });
      const seconds = Number(pollers[0]?.lastAccessTime?.seconds ?? 0);
      if (seconds === 0) continue;
      const theirMs = seconds * 1_000 + (pollers[0]?.lastAccessTime?.nanos ?? 0) / 1e6;
      return skew(about, theirMs, sentMs, Date.now());
    }
    return wrong(about, 'the server has not said what time it has', 'Compare it by hand.');
  } finally {
    stop.abort();
    await polled;
  }
}
