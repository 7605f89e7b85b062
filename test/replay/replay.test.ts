/**
 * Histories of every kind of payment and of webhooks, recorded by an earlier build, are replayed by this one: a workflow that changes
 * incompatibly fails here, before it meets a payment that is under way (docs/deploying.md). With
 * UPDATE_HISTORIES=1 the files are written anew, which belongs to a stated incompatible release alone.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { DefaultLogger, Runtime } from '@temporalio/worker';
import { bundlePath as sourcePath } from '../../src/workflows/bundlePath.js';
import { World } from '../support/world.js';
import { kinds, needsApproverAboveMinor } from './kinds.js';
import { bundlePath, replay } from './replayed.js';
import { takenUpByAnotherAttempt, type History } from './anotherAttempt.js';

const folder = join(import.meta.dirname, 'histories');
const fileOf = (kind: string) => join(folder, `${kind.replaceAll(/[^a-z]+/gi, '-')}.json`);

beforeAll(() => {
  Runtime.install({ logger: new DefaultLogger('ERROR', () => undefined) });
});

const recorded = () =>
  readdirSync(folder).map((name) => [name, JSON.parse(readFileSync(join(folder, name), 'utf8'))] as const);

describe('recorded histories', () => {
  it('there is one of every kind', () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(kinds)
        .map((kind) => fileOf(kind).slice(folder.length + 1))
        .sort(),
    );
  });

  it('are replayed by this build', async () => {
    expect(sourcePath).toMatch(/workflows\.bundle\.js$/);
    expect(await replay(recorded())).toEqual([]);
  });

  it.each([
    ['a step is another', 'ledger.holdPointsAndReserveFund(', 'ledger.fenceConfirm('],
    ['a step is left out', 'await holdPointsAndReserveFund(settlement)', 'true'],
    ['a state is no longer indexed', ".settleInto)(payment, 'paid');", '.moveTo)(payment);'],
  ])('are not, when a workflow is changed so that %s', async (_, before, after) => {
    const code = readFileSync(bundlePath, 'utf8');
    const changed = code.replaceAll(before, after);
    const place = mkdtempSync(join(tmpdir(), 'surety-replay-'));
    writeFileSync(join(place, 'workflows.bundle.js'), changed);
    expect(changed === code ? `the bundle has no ${before}` : '').toBe('');
    expect((await replay(recorded(), join(place, 'workflows.bundle.js'))).join('\n')).toMatch(/loyalty-paid.json/);
    rmSync(place, { recursive: true });
  });
});

describe('histories of this build', () => {
  let world: World;
  beforeAll(async () => {
    world = await World.open({
      // A day is four seconds.
      timings: { waitScale: 0.000_05 },
      temporalSetup: {
        ...{ SWEEP_EVERY_MS: '1000', SWEEP_GRACE_MS: '300', INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '50' },
        ...{ WEBHOOK_START_EVERY_MS: '1000', WEBHOOK_START_GRACE_MS: '300', SEAL_EVERY_MS: '1000' },
      },
    });
    await world.surety.admin.query('UPDATE partner SET organisation_policy = $2 WHERE id = $1', [
      world.partnerIds.organisation,
      { limits: { RUB: { approvalAboveMinor: needsApproverAboveMinor } } },
    ]);
  });
  afterAll(async () => {
    await world.close();
  });

  it.each(Object.entries(kinds))('%s: is replayed too, and leaves nothing to chance', async (kind, live) => {
    const handle = await live(world);
    const history = historyToJSON(await handle.fetchHistory());
    if (process.env['UPDATE_HISTORIES'] === '1') {
      mkdirSync(folder, { recursive: true });
      writeFileSync(fileOf(kind), `${history}\n`);
    }
    expect(await replay([[kind, JSON.parse(history)]])).toEqual([]);
  });

  it.each(['loyalty paid', 'organisation paid', 'organisation approved', 'organisation paid by a batch'])(
    '%s: a worker stands still during a step of the ledger, and ends it in the attempt after the time-out',
    async (kind) => {
      const live = kinds[kind];
      if (live === undefined) throw new Error(`there is no kind ${kind}`);
      const history = JSON.parse(historyToJSON(await (await live(world)).fetchHistory())) as History;
      // Longer than a read is fresh.
      expect(await replay([[kind, takenUpByAnotherAttempt(history, 100_000)]])).toEqual([]);
    },
  );
});
