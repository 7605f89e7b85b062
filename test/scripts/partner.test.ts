/** `npm run partner -- apply`, as an operator runs it. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { repository } from '../../scripts/stack.js';
import { Books, postgres, testKeys } from '../support/books.js';

let books: Books;
const folder = mkdtempSync(join(tmpdir(), 'surety-partner-'));
const example = JSON.parse(readFileSync(join(repository, 'docs/partner.example.json'), 'utf8')) as Record<
  string,
  unknown
>;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(async () => {
  await books.close();
});

async function apply(change: Record<string, unknown>): Promise<{ code: number; stdout: string; stderr: string }> {
  const file = join(folder, 'partner.json');
  // Nobody listens there: the token check says so.
  const settings = { ...(example['settings'] as object), invoicebox: { baseUrl: 'http://127.0.0.1:9' } };
  writeFileSync(file, JSON.stringify({ ...example, slug: 'example', settings, ...change }));
  return run('apply', file);
}

async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const environment = { ...process.env, DATABASE_ADMIN_URL: postgres.url(books.database), SURETY_KEYS: testKeys };
  try {
    const script = join(repository, 'dist/scripts/partner.js');
    return { code: 0, ...(await promisify(execFile)(process.execPath, [script, ...args], { env: environment })) };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

it('creates a partner, prints its first API key once, and changes it when applied again', async () => {
  const first = await apply({});
  expect(first.stdout).toMatch(
    /partner [0-9a-f-]{36} applied\n.*could not be asked.*\nAPI key, shown once: sk_live_[\w-]{43}\n/,
  );
  const again = await apply({ name: 'Новое имя' });
  expect(again.stdout).toContain('it has API keys already; none was made');
  expect(again.stdout).not.toContain('sk_live_');
  const { rows } = await books.admin.query(
    "SELECT id, name, invoicebox_token_sealed FROM partner WHERE slug = 'example'",
  );
  expect(rows).toEqual([
    { id: expect.any(String), name: 'Новое имя', invoicebox_token_sealed: expect.stringMatching(/^test\./) },
  ]);
  const id = (rows[0] as { id: string }).id;
  expect(await books.ledger.fundBalance(id)).toMatchObject([
    { sizeMinor: 100_000_000_00, availableMinor: 100_000_000_00 },
  ]);
});

it.each([
  ['a setting that nobody knows', { settings: { ...(example['settings'] as object), surprise: 1 } }, 'surprise'],
  [
    'a colour that cannot be read on',
    {
      settings: {
        invoicebox: { baseUrl: 'http://127.0.0.1:9' },
        loyalty: {
          rates: {},
          login: { issuer: 'https://a.b', clientId: 'c' },
          linkHosts: [],
          branding: { colour: '#eeeeee' },
        },
      },
    },
    'contrast',
  ],
  [
    'an amount with a fraction',
    { funds: [{ currency: 'RUB', deposits: [{ amountMinor: 1.5, reference: 'x' }] }] },
    'amountMinor',
  ],
])('refuses %s: names it, and changes nothing', async (_, change, named) => {
  const { rowCount } = await books.admin.query('SELECT FROM partner');
  const answer = await apply({ slug: 'refused', ...change });
  expect([answer.code, answer.stderr]).toEqual([1, expect.stringContaining('Nothing was changed.')]);
  expect(answer.stderr).toContain(named);
  expect((await books.admin.query('SELECT FROM partner')).rowCount).toBe(rowCount);
});

it('pauses and resumes one partner, or all, and says what it did', async () => {
  const paused = await run('pause', 'kafeteriy', '--reason', 'the fund moves', '--by', 'eve');
  expect(paused.stdout).toContain('No new payment of kafeteriy begins from now on');
  expect((await run('pause', 'kafeteriy', '--reason', 'again')).stdout).toContain('Nothing was changed');
  expect((await run('pause', '--all', '--reason', 'maintenance')).stdout).toContain('all partners');
  expect((await run('resume', 'kafeteriy')).stdout).toContain('all partners are paused still');
  expect((await run('resume', '--all')).stdout).toContain('begin again');
  const { rows } = await books.admin.query('SELECT reason, by, ended_at IS NULL AS is_open FROM pause ORDER BY id');
  expect(rows).toMatchObject([
    { reason: 'the fund moves', by: { kind: 'operator', id: 'eve' }, is_open: false },
    { reason: 'maintenance', is_open: false },
  ]);
});

it.each([
  ['without a reason', ['pause', 'kafeteriy'], '--reason is needed'],
  ['of nobody', ['pause', '--reason', 'x'], 'usage'],
  ['of one and all', ['pause', 'kafeteriy', '--all', '--reason', 'x'], 'usage'],
  ['of a partner that there is not', ['pause', 'nobody', '--reason', 'x'], 'no partner nobody'],
  ['that nobody knows', ['stop'], 'usage'],
])('a pause %s is refused, and nothing is changed', async (_, args, words) => {
  const { code, stderr } = await run(...args);
  expect([code, stderr.includes(words), stderr.includes('Nothing was changed')]).toEqual([1, true, true]);
});
