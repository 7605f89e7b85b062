/** A new key of SURETY_KEYS, as docs/keys.md has it: sealed by the old one, opened by both, sealed anew, the old one gone. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { demo } from '../../scripts/demoWorld.js';
import { repository } from '../../scripts/stack.js';
import { tokenPurpose } from '../../src/activities/partners.js';
import { loginSecretPurpose } from '../../src/api/pay/programmes.js';
import { KeyRing } from '../../src/keyring.js';
import { webhookSecretPurpose } from '../../src/webhooks/signature.js';
import { Books, postgres, testKeys } from '../support/books.js';
import { Endpoints } from '../webhooks/endpoints.js';

const next = `next:${randomBytes(32).toString('base64')}`;

let books: Books;
beforeAll(async () => {
  books = await Books.open();
});
afterAll(async () => {
  await books.close();
});

async function reseal(keys: string): Promise<{ code: number; stdout: string }> {
  const env = { ...process.env, DATABASE_ADMIN_URL: postgres.url(books.database), SURETY_KEYS: keys };
  try {
    const script = join(repository, 'dist/scripts/partner.js');
    return { code: 0, ...(await promisify(execFile)(process.execPath, [script, 'reseal'], { env })) };
  } catch (error) {
    return error as { code: number; stdout: string };
  }
}

it('leaves nothing that the old key is needed for, and says what it has done', async () => {
  const endpoints = new Endpoints(books.admin, books.partnerId);
  const { id, secret } = await endpoints.register('https://hooks.example.org/');
  const rotated = await endpoints.rotate(id, Date.now() + 3_600_000);

  expect(await reseal(`${next},${testKeys}`)).toMatchObject({
    code: 0,
    stdout: 'sealed anew by next: 4; were so already: 0\n',
  });
  expect((await reseal(`${next},${testKeys}`)).stdout).toBe('sealed anew by next: 0; were so already: 4\n');
  // All of it is there, without the old key.
  const ring = new KeyRing(next);
  const { rows: partners } = await books.admin.query<{ token: string; login: string }>(
    'SELECT invoicebox_token_sealed AS token, login_secret_sealed AS login FROM partner WHERE id = $1',
    [books.partnerId],
  );
  expect(ring.open(partners[0]?.token ?? '', tokenPurpose(books.partnerId))).toBe(demo.loyalty.token);
  expect(ring.open(partners[0]?.login ?? '', loginSecretPurpose(books.partnerId))).toBe(demo.loginSecret);
  const { rows: hooks } = await books.admin.query<{ secret: string; previous: string }>(
    'SELECT secret_sealed AS secret, previous_secret_sealed AS previous FROM webhook_endpoint WHERE id = $1',
    [id],
  );
  expect(ring.open(hooks[0]?.secret ?? '', webhookSecretPurpose(id))).toBe(rotated);
  expect(ring.open(hooks[0]?.previous ?? '', webhookSecretPurpose(id))).toBe(secret);
});

it('knows every column that is sealed', async () => {
  const { rows } = await books.admin.query<{ name: string }>(
    `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
      WHERE table_schema = 'surety' AND column_name LIKE '%\\_sealed' ORDER BY 1`,
  );
  expect(rows.map(({ name }) => name)).toEqual([
    'partner.invoicebox_token_sealed',
    'partner.login_secret_sealed',
    'webhook_endpoint.previous_secret_sealed',
    'webhook_endpoint.secret_sealed',
  ]);
});

it('names what no key opens, does the rest, and ends with 1', async () => {
  const { id } = await new Endpoints(books.admin, books.partnerId).register('https://hooks.example.org/');
  const sealed = new KeyRing(`lost:${randomBytes(32).toString('base64')}`).seal('x', webhookSecretPurpose(id));
  await books.admin.query('UPDATE webhook_endpoint SET secret_sealed = $2 WHERE id = $1', [id, sealed]);
  const third = `third-${randomUUID().slice(0, 4)}:${randomBytes(32).toString('base64')}`;
  const answer = await reseal(`${third},${next}`);
  expect(answer.code).toBe(1);
  expect(answer.stdout).toContain(`sealed anew by ${third.split(':')[0] ?? ''}: 4;`);
  expect(answer.stdout).toContain(
    `cannot be opened by any key of SURETY_KEYS: secret of webhook endpoint ${id}, sealed by lost`,
  );
});
