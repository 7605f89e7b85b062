/** The naive way's worker: the SDK's defaults. It says `ready` on its standard output once it polls. */
import { fileURLToPath } from 'node:url';
import { NativeConnection, Worker } from '@temporalio/worker';
import { z } from 'zod';
import { createNaiveActivities } from './activities.js';
import { naiveDataSource } from './books.js';

const environment = z
  .object({
    TEMPORAL_ADDRESS: z.string(),
    TEMPORAL_NAMESPACE: z.string(),
    NAIVE_DATABASE_URL: z.string(),
    INVOICEBOX_URL: z.string(),
    INVOICEBOX_TOKEN: z.string(),
  })
  .parse(process.env);

const dataSource = await naiveDataSource(environment.NAIVE_DATABASE_URL);
const worker = await Worker.create({
  connection: await NativeConnection.connect({ address: environment.TEMPORAL_ADDRESS }),
  namespace: environment.TEMPORAL_NAMESPACE,
  taskQueue: 'naive',
  workflowsPath: fileURLToPath(new URL('./workflows.js', import.meta.url)),
  activities: createNaiveActivities(dataSource, {
    baseUrl: environment.INVOICEBOX_URL,
    token: environment.INVOICEBOX_TOKEN,
  }),
});
process.stdout.write('ready\n');
await worker.run();
await dataSource.destroy();
