/**
 * Deploys while payments are under way: the release before this one, on this release's schema, side by side with it; and a
 * release whose workflows are incompatible, pinned (docs/deploying.md).
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, repository, untilReady, type Program } from '../../scripts/stack.js';
import { Surety } from '../../scripts/surety.js';
import { changedBuild } from '../support/changedBuild.js';
import { eventually, World, type ApiAnswer } from '../support/world.js';

/** The release before this one. What it needs of packages and this one does not (pino-http) stays a development dependency. */
const previous = { version: '0.1.0', commit: '899b77216495da2b9ec7c67692d55f671b72c467' };
const folder = join(repository, '.data/releases');

/** Compiles a release from the repository's own history, once. @returns its compiled files */
function buildOf(commit: string): string {
  const place = join(folder, commit);
  if (existsSync(place)) return join(place, 'dist');
  const making = `${place}.${process.pid}`;
  mkdirSync(making, { recursive: true });
  const sources = execFileSync('git', ['archive', commit], { cwd: repository, maxBuffer: 100_000_000 });
  execFileSync('tar', ['-x', '-C', making], { input: sources });
  symlinkSync(join(repository, 'node_modules'), join(making, 'node_modules'));
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: making, stdio: 'pipe' });
  renameSync(making, place);
  return join(place, 'dist');
}

/** This release with another step before the hold: it cannot go on with what this one has begun. */
const incompatibleBuild = (): string =>
  changedBuild('incompatible', (code) =>
    code.replace(
      /const held = await (\w+)\.ledger\.holdPointsAndReserveFund\((\(0,\w+\.keyOf\)\(payment\))/,
      (step, calls: string, key: string) => `await ${calls}.ledger.fenceConfirm(${key}, 'another-step'); ${step}`,
    ),
  );

/**
 * The workflows' queue has four partitions in production. In one alone the poller that has waited longest is asked, which
 * is the older worker's, again and again, also with a task that it cannot do.
 */
const productionPartitions = ['Read', 'Write'].flatMap((side) => [
  '--dynamic-config-value',
  `matching.numTaskqueue${side}Partitions=4`,
]);

let world: World;
beforeAll(async () => {
  world = await World.open({
    // What is unknown is read again every 2 s at most, and a person is asked only after some 40 s.
    timings: { waitScale: 0.000_5 },
    temporalSetup: { INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50' },
    temporalFlags: productionPartitions,
  });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const invoiceIdOf = (opened: ApiAnswer) => (opened.body as unknown as { invoice: { id: string } }).invoice.id;

/** No worker met a history that it could not go on with. */
async function expectNoFailedTask(paymentId: string): Promise<void> {
  const { events } = await world.handle(paymentId).fetchHistory();
  expect((events ?? []).filter((event) => event.workflowTaskFailedEventAttributes)).toEqual([]);
}

/** What a worker that has gone was about is noticed by time-outs, one after the other. */
const untilPaid = (id: string) => world.until(id, ['paid'], world.keys.loyalty, 120_000);

async function waiting(): Promise<ApiAnswer> {
  return world.open((await world.invoice()).id);
}

async function unknown(): Promise<ApiAnswer> {
  const { id } = await world.invoice();
  await world.twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'error_before', status: 502 });
  await world.twin.arrangeFault({ invoiceId: id, operation: 'confirm', kind: 'refuse', status: 429, times: 3 });
  const opened = await world.open(id);
  await world.confirm(opened);
  return opened;
}

// Where the checkout has no history (a source archive, a shallow clone), the release before this one cannot be built, and what
// is tried beside it is counted as skipped. CI has the history, so it is always tried there.
const hasHistory = spawnSync('git', ['cat-file', '-e', previous.commit], { cwd: repository }).status === 0;

(hasHistory ? describe : describe.skip)(
  `release ${previous.version} on this schema, side by side with this one`,
  () => {
    let before: Surety;
    let oldWorker: Program;
    let oldApi: Program;
    beforeAll(async () => {
      const [api, worker] = [await freePort(), await freePort()];
      const { simulator } = world.surety.options.ports;
      before = new Surety({
        ...world.surety.options,
        ports: { api, worker, simulator },
        build: buildOf(previous.commit),
      });
      [oldApi, oldWorker] = await Promise.all([before.startApi(), before.startWorker()]);
    }, 180_000);
    afterAll(async () => {
      await Promise.all([oldApi.stop(2_000), oldWorker.stop(2_000)]);
      await before.close();
    });

    it('both are ready, and pay together whatever they share', async () => {
      await untilReady(`${before.apiUrl}/health/ready`, oldApi);
      const invoices = await Promise.all(Array.from({ length: 12 }, () => world.invoice()));
      const payments = await Promise.all(
        invoices.map(async ({ id }, index) => {
          if (index % 3 === 0) return world.payAsOrganisation(id);
          const opened = await world.open(id);
          await world.confirm(opened);
          return opened;
        }),
      );
      for (const [index, { body }] of payments.entries()) {
        await world.until(body.id, ['paid'], index % 3 === 0 ? world.keys.organisation : world.keys.loyalty);
        await expectNoFailedTask(body.id);
      }
    });

    it('what the old one began the new one ends, and the other way round', async () => {
      await world.worker?.stop();
      const begunByOld = [await waiting(), await unknown()];
      await oldWorker.stop();
      await world.startWorker();
      const begunByNew = [await waiting(), await unknown()];
      for (const opened of begunByOld.slice(0, 1)) await world.confirm(opened);
      for (const { body } of begunByOld) await untilPaid(body.id);

      oldWorker = await before.startWorker();
      await world.worker?.stop();
      for (const opened of begunByNew.slice(0, 1)) await world.confirm(opened);
      for (const { body } of begunByNew) await untilPaid(body.id);
      await world.startWorker();
      for (const { body } of [...begunByOld, ...begunByNew]) await expectNoFailedTask(body.id);
      for (const opened of [...begunByOld, ...begunByNew]) {
        const requests = await world.twin.requests(invoiceIdOf(opened));
        expect(requests.filter(({ effect }) => effect === 'executed')).toHaveLength(1);
      }
    }, 300_000);

    it('what was resumed is left to the release that can go on with it', async () => {
      const opened = await unknown();
      await world.handle(opened.body.id).terminate('to be resumed');
      const { rows } = await world.surety.admin.query<{ epoch: number }>('SELECT epoch FROM payment WHERE id = $1', [
        opened.body.id,
      ]);
      expect(rows[0]?.epoch).toBe(1);
      await world.client.schedule.getHandle('sweep-payments').update((schedule) => ({
        ...schedule,
        spec: { intervals: [{ every: 1_000 }] },
        action: { ...schedule.action, args: [{ graceMs: 300, holdAgeMs: 60_000 }] },
      }));
      // The older worker may be given it several times, each time later.
      await untilPaid(opened.body.id);
      expect(
        (await world.twin.requests(invoiceIdOf(opened))).filter(({ effect }) => effect === 'executed'),
      ).toHaveLength(1);
    }, 150_000);
  },
);

describe('a release with incompatible workflows, pinned', () => {
  it('leaves what began before to the workers of before, and takes what begins after', async () => {
    await world.worker?.stop();
    const old = await world.startWorker({ WORKER_PINNED_BUILD_ID: 'old' });
    await setCurrent('old');
    const begunBefore = await begunOn('old');

    const next = new Surety({
      ...world.surety.options,
      ports: { ...world.surety.options.ports, worker: await freePort() },
      build: incompatibleBuild(),
    });
    const worker = await next.startWorker(undefined, { WORKER_PINNED_BUILD_ID: 'new' });
    await setCurrent('new');
    const begunAfter = await begunOn('new');
    for (const opened of [begunBefore, begunAfter]) {
      await world.confirm(opened);
      await world.until(opened.body.id, ['paid']);
      await expectNoFailedTask(opened.body.id);
    }
    // Neither has moved.
    expect([await versionOf(begunBefore), await versionOf(begunAfter)]).toEqual(['old', 'new']);
    await Promise.all([old.stop(2_000), worker.stop(2_000)]);
    await next.close();
  });

  /** The server's parts hear of a new current version one after the other. */
  async function begunOn(version: string): Promise<ApiAnswer> {
    let opened = await waiting();
    await eventually(
      async () => {
        if ((await versionOf(opened)) === version) return true;
        await world.call(world.keys.loyalty, 'POST', `/v1/payments/${opened.body.id}/cancel`, {});
        opened = await waiting();
        return false;
      },
      () => `no payment began on ${version}`,
    );
    return opened;
  }

  async function setCurrent(buildId: string): Promise<void> {
    let problem = '';
    await eventually(
      async () => {
        try {
          await world.client.workflowService.setWorkerDeploymentCurrentVersion({
            namespace: world.namespace,
            deploymentName: 'surety',
            buildId,
            identity: 'test',
          });
          return true;
        } catch (error) {
          // The server has not heard of the version's pollers yet.
          problem = String(error);
          return false;
        }
      },
      () => problem,
    );
  }

  async function versionOf(opened: ApiAnswer): Promise<string | undefined> {
    const { raw } = await world.handle(opened.body.id).describe();
    return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
  }
});
