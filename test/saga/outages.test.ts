/** Temporal, its workers or Postgres gone: nothing half done, and nobody is told what is not known. */
import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freePort, startPostgres, type RunningPostgres } from '../../scripts/stack.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

let world: World;
let postgres: RunningPostgres;
const dataFolder = mkdtempSync(join(tmpdir(), 'surety-postgres-'));
beforeAll(async () => {
  chmodSync(dataFolder, 0o755);
  postgres = await startPostgres({ dataFolder: join(dataFolder, 'data'), port: await freePort() });
  world = await World.open({ postgres, environment: { SURETY_ANSWER_WITHIN_MS: '1500' } });
});
afterAll(async () => {
  await world.close();
  rmSync(dataFolder, { recursive: true, force: true });
});

it('[case temporal PR#6486, sdk-typescript#1403] without a worker a confirm is 503, never "nothing happened"; the same key later pays once', async () => {
  const opened = await world.open((await world.invoice()).id);
  await world.worker?.stop();
  const header = { 'idempotency-key': randomUUID() };
  const said = await world.confirm(opened, header);
  expect([said.status, said.headers.get('retry-after'), said.body.code]).toEqual([503, '2', 'unavailable']);
  expect(JSON.stringify(said.body)).toMatch(/not known whether the confirm arrived/);
  expect((await world.read(opened.body.id)).state).toBe('awaiting_confirmation');
  await world.startWorker();
  let last: ApiAnswer = said;
  await eventually(
    async () => (last = await world.confirm(opened, header)).status === 200,
    () => `the confirm answered ${last.status} ${JSON.stringify(last.body)}`,
  );
  expect(last.body.state).toBe('paid');
  const { confirmations } = await world.twin.account('demo-loyalty');
  expect(confirmations.filter(({ partnerOperationId }) => partnerOperationId === opened.body.id)).toHaveLength(1);
});

it('connections that Postgres ends cost an answer of 503 at most, never a process', async () => {
  const opened = await world.open((await world.invoice()).id);
  const statuses = new Set<number>();
  for (let round = 0; round < 20; round++) {
    const answers = Promise.all(
      Array.from({ length: 20 }, () => world.call(world.keys.loyalty, 'GET', `/v1/payments/${opened.body.id}`)),
    );
    await world.surety.admin.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'surety' AND pid <> pg_backend_pid()`,
    );
    for (const { status } of await answers) statuses.add(status);
  }
  expect([...statuses].filter((status) => status !== 200 && status !== 503)).toEqual([]);
  expect([world.api?.isRunning, world.worker?.isRunning]).toEqual([true, true]);
  expect((await world.confirm(opened)).body.state).toBe('paid');
});

it('with Temporal down opening is 503 with Retry-After, and reads go on', async () => {
  const opened = await world.open((await world.invoice()).id);
  await world.temporal.stop();
  const next = await world.open((await world.invoice()).id);
  expect([next.status, next.headers.get('retry-after')]).toEqual([503, '2']);
  expect((await world.confirm(opened)).status).toBe(503);
  expect((await world.read(opened.body.id)).state).toBe('awaiting_confirmation');
  const ready = await fetch(`${world.surety.apiUrl}/health/ready`);
  expect([ready.status, await ready.json()]).toMatchObject([
    503,
    { parts: { postgres: 'ok', temporal: 'not reachable' } },
  ]);
  expect((await fetch(`${world.surety.apiUrl}/health/live`)).status).toBe(200);
});

it('with Postgres down everything is 503 with Retry-After', async () => {
  await postgres.stop();
  const answer = await world.call(world.keys.loyalty, 'GET', `/v1/payments/${randomUUID()}`);
  expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([503, 'unavailable', '2']);
});
