/** The no-op's worker, set as ours is (src/worker.main.ts). It says `ready` on its standard output once it polls. */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { calls, steps } from './activities.js';

const environment = z.object({ TEMPORAL_ADDRESS: z.string(), TEMPORAL_NAMESPACE: z.string() }).parse(process.env);
const common = {
  connection: await NativeConnection.connect({ address: environment.TEMPORAL_ADDRESS }),
  namespace: environment.TEMPORAL_NAMESPACE,
};
const pollers = { type: 'autoscaling', minimum: 2, initial: 8, maximum: 50 } as const;

const workers = await Promise.all([
  Worker.create({
    ...common,
    taskQueue: 'floor',
    workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
    activities: steps,
    enableNonLocalActivities: false,
    workflowTaskPollerBehavior: pollers,
    maxConcurrentWorkflowTaskExecutions: 200,
    maxCachedWorkflows: 2_000,
    stickyQueueScheduleToStartTimeout: '2 s',
  }),
  Worker.create({
    ...common,
    taskQueue: 'floor-calls',
    activities: calls,
    activityTaskPollerBehavior: pollers,
    maxConcurrentActivityTaskExecutions: 1_000,
  }),
]);
process.stdout.write('ready\n');
await Promise.all(workers.map((worker) => worker.run()));
