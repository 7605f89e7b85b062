/** Whatever is touched behind the ledger's back is named by the verifier, which shares no code with the ledger. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { verifyLedger, type LedgerVerdict } from '../../scripts/verify/ledger.js';
import { verifyPassport } from '../../scripts/verify/passport.js';
import { repository } from '../../scripts/stack.js';
import { passwords } from '../../scripts/surety.js';
import type { PaymentKey } from '../../src/ledger/ledger.js';
import { Books, postgres } from '../support/books.js';
import { passportOf, pay, sealAll, type PassportJson } from './sealed.js';

const tables = ['transfer', 'payment_event', 'audit_block', 'account'];
const run = promisify(execFile);

let books: Books;
let paid: PaymentKey;
/** A superuser to whom no trigger says no. */
let intruder: pg.PoolClient;

beforeAll(async () => {
  books = await Books.open();
  const anna = await books.member('anna', { points: 1_000 });
  paid = await pay(books, anna);
  await sealAll(books);
  for (let more = 0; more < 5; more++) await pay(books, anna, 100 + more);
  await sealAll(books, 20);
  intruder = await books.admin.connect();
  await intruder.query('SET session_replication_role = replica');
  for (const table of tables) await intruder.query(`CREATE TABLE kept_${table} AS TABLE ${table}`);
});
afterEach(async () => {
  for (const table of tables) {
    await intruder.query(`DELETE FROM ${table}`);
    await intruder.query(`INSERT INTO ${table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_${table}`);
  }
});
afterAll(async () => {
  intruder.release(true);
  expect(await books.violations()).toEqual([]);
  await books.close();
});

async function verify(kept: ReadonlyMap<string, ReadonlyMap<number, string>> = new Map()): Promise<LedgerVerdict> {
  const client = await books.monitor.connect();
  try {
    return await verifyLedger(client, kept, () => undefined);
  } finally {
    client.release();
  }
}
const found = async (kept?: ReadonlyMap<string, ReadonlyMap<number, string>>) =>
  (await verify(kept)).chains[0]?.finding;

const transferOf = async (kind: string) => {
  const { rows } = await intruder.query<{ id: string }>('SELECT id FROM transfer WHERE payment_id = $1 AND kind = $2', [
    paid.paymentId,
    kind,
  ]);
  return rows[0]?.id ?? '';
};

describe('the books', () => {
  it('as they were written: every chain is whole, every balance the sum of its entries', async () => {
    const { chains, balances } = await verify();
    expect(balances).toEqual([]);
    expect(chains).toMatchObject([{ partnerId: books.partnerId, finding: null, pending: 0 }]);
    expect(chains[0]?.blocks).toBeGreaterThan(2);
    const { rows } = await books.admin.query<{ count: string }>(
      'SELECT (SELECT count(*) FROM transfer) + (SELECT count(*) FROM payment_event) AS count',
    );
    expect(chains[0]?.entries).toBe(Number(rows[0]?.count));
  });

  it.each([
    ['one byte of its reference', `reference = overlay(reference placing '~' from 1 for 1)`],
    ['its amount', 'amount = amount + 1'],
    ['who did it', `actor = actor || '{"id": "somebody else"}'`],
    ['its time, by a microsecond', `at = at + interval '1 microsecond'`],
    ['its kind', `kind = 'release'`],
    ['its payment', 'payment_id = NULL'],
  ])('an entry of which %s was changed is named', async (_, change) => {
    const id = await transferOf('capture');
    await intruder.query(`UPDATE transfer SET ${change} WHERE id = $1`, [id]);
    await expect(found()).resolves.toMatch(new RegExp(`^transfer ${id} was changed \\(position \\d+, block 1\\)`));
  });

  it('of several that were touched the first is named', async () => {
    await intruder.query('UPDATE transfer SET amount = amount + 1 WHERE payment_id = $1', [paid.paymentId]);
    const first = [await transferOf('hold'), await transferOf('reserve')].sort()[0] ?? '';
    await expect(found()).resolves.toMatch(`transfer ${first} was changed`);
  });

  it('an entry whose account was given to somebody else is named', async () => {
    await intruder.query(`UPDATE account SET owner = gen_random_uuid() WHERE kind = 'member.available'`);
    await expect(found()).resolves.toMatch(/^transfer [0-9a-f-]{36} was changed/);
  });

  it('an event that was changed is named', async () => {
    const { rows } = await intruder.query<{ id: string }>(
      `UPDATE payment_event SET body = jsonb_set(body, '{amountMinor}', '99') WHERE payment_id = $1 AND type = 'payment.paid' RETURNING id`,
      [paid.paymentId],
    );
    await expect(found()).resolves.toMatch(`event ${rows[0]?.id ?? ''} (payment_event.id) was changed`);
  });

  it('an entry that was removed is named', async () => {
    const id = await transferOf('draw');
    await intruder.query('DELETE FROM transfer WHERE id = $1', [id]);
    await expect(found()).resolves.toMatch(new RegExp(`^transfer ${id} was removed \\(position`));
  });

  it('an entry that was put in among those that are sealed is named', async () => {
    const { rows } = await intruder.query<{ id: string }>(
      `INSERT INTO transfer SELECT (json_populate_record(t, json_build_object('id', uuidv7()))).* FROM transfer t WHERE id = $1 RETURNING id`,
      [await transferOf('draw')],
    );
    await expect(found()).resolves.toMatch(`transfer ${rows[0]?.id ?? ''} was put in after the sealing`);
  });

  it.each([
    ['another transaction', `xid = '2'`],
    ['another partner', `partner_id = gen_random_uuid()`],
  ])('an entry that was moved to %s is named', async (_, change) => {
    const id = await transferOf('draw');
    await intruder.query(`UPDATE transfer SET ${change} WHERE id = $1`, [id]);
    await expect(found()).resolves.toMatch(new RegExp(`transfer ${id} was (put in|moved)`));
  });

  it.each([
    [
      'its list of hashes',
      `leaves = overlay(leaves placing '\\x00'::bytea from 1 for 1)`,
      /list of hashes of block 2 was changed/,
    ],
    ['its root', `root = sha256(root)`, /block 2 was changed: its entries do not make its root/],
    ['its time', `sealed_at = sealed_at + interval '1 s'`, /block 2 was changed: it does not have its hash/],
    ['its first position', 'first_position = first_position + 1', /block 2 was changed: its first position/],
    ['its link', 'previous_hash = sha256(previous_hash)', /block 2 does not follow block 1/],
    ['its other link', 'skip_hash = sha256(skip_hash)', /block 2 does not follow block 0/],
  ])('a block of which %s was changed is named', async (_, change, finding) => {
    await intruder.query(`UPDATE audit_block SET ${change} WHERE n = 2`);
    await expect(found()).resolves.toMatch(finding);
  });

  it('a block that was changed together with its hash breaks the link of the next', async () => {
    await intruder.query(
      `UPDATE audit_block SET sealed_at = '2020-01-01Z', hash = audit_block_hash(partner_id, n, previous_hash, skip_hash, root,
         first_position, entries, '2020-01-01Z') WHERE n = 1`,
    );
    await expect(found()).resolves.toMatch('block 2 does not follow block 1');
  });

  it('a block that was removed is missed', async () => {
    await intruder.query('DELETE FROM audit_block WHERE n = 2');
    await expect(found()).resolves.toMatch('block 2 was removed');
  });

  it('a chain that was made anew after a change shows by a block that somebody has kept', async () => {
    const [{ head } = { head: null }] = (await verify()).chains;
    const kept = new Map([[books.partnerId, new Map([[head?.n ?? 0, head?.hash ?? '']])]]);
    await expect(found(kept)).resolves.toBeNull();

    await intruder.query('UPDATE transfer SET reference = $2 WHERE id = $1', [await transferOf('draw'), 'forged']);
    await intruder.query('DELETE FROM audit_block');
    await sealAll(books);
    await expect(found()).resolves.toBeNull();
    await expect(found(kept)).resolves.toMatch(/which you have kept, was removed|is not the one that you have kept/);
  });

  it('a balance that is not the sum of its entries is named', async () => {
    const { rows } = await intruder.query<{ id: string }>(
      `UPDATE account SET balance = balance + 1 WHERE kind = 'member.available' RETURNING id`,
    );
    expect((await verify()).balances).toEqual([
      expect.stringMatching(`account ${rows[0]?.id ?? ''} \\(member.available`),
    ]);
  });

  it('seen through a role that sees no partner are not called whole', async () => {
    const client = await books.worker.connect();
    await expect(verifyLedger(client, new Map(), () => undefined)).rejects.toThrow();
    client.release(true);
  });
});

describe('a passport', () => {
  const first = <T>(list: T[]): T => {
    const [one] = list;
    if (one === undefined) throw new Error('there is none');
    return one;
  };
  const paidEvent = (passport: PassportJson) => first(passport.events.filter(({ type }) => type === 'payment.paid'));
  const touches: [string, (passport: PassportJson) => void, RegExp][] = [
    ['an amount', (p) => void (first(p.entries).amount += 1), /is not what was sealed/],
    ['a reference', (p) => void (first(p.entries).reference = 'forged'), /entry .* is not what was sealed/],
    ['an account', (p) => void (first(p.entries).debit = 'fund.drawn'), /is not what was sealed/],
    ['a time', (p) => void (first(p.entries).at = '2020-01-01T00:00:00+00:00'), /is not what was sealed/],
    ['an event', (p) => void (paidEvent(p).body['points'] = 9), /event \d+ \(payment.paid\) is not what was sealed/],
    ['the transaction', (p) => void (p.transactionId = 'forged'), /transactionId is not that of the event/],
    ['the sum captured', (p) => void (p.pointsCaptured += 1), /pointsCaptured is not the sum/],
    ['the sum drawn', (p) => void (p.fundDrawnMinor += 1), /fundDrawnMinor is not the sum/],
    ['an entry that is left out', (p) => void p.entries.pop(), /was sealed, and the passport leaves it out/],
    ['a proof that is left out', (p) => void p.audit.proofs.pop(), /has no proof/],
    ['the text that was hashed', (p) => void (first(p.audit.proofs).leaf[4] = '7'), /does not stand in block 1/],
    ['the place', (p) => void (first(p.audit.proofs).index = 0), /does not stand in block 1/],
    ['the path', (p) => void first(p.audit.proofs).path.reverse(), /does not stand in block 1/],
    ['a root', (p) => void (first(p.audit.blocks).root = '0'.repeat(64)), /does not stand in block 1/],
    ['a block', (p) => void (first(p.audit.blocks).firstPosition += 1), /block 1 does not have its hash/],
    ['a block that is left out', (p) => void p.audit.blocks.shift(), /names block 1, which is not there/],
    [
      'the head',
      (p) => void (p.audit.head = { n: p.audit.head?.n ?? 0, hash: '0'.repeat(64) }),
      /is not the one that the head names/,
    ],
    [
      'the way from the head',
      (p) => void p.audit.blocks.splice(1, p.audit.blocks.length),
      /nothing leads from the head to block 1/,
    ],
  ];
  it.each(touches)('of which %s was touched is not taken', async (_, touch, finding) => {
    const passport = await passportOf(books, paid);
    expect(verifyPassport(passport, null).findings).toEqual([]);
    touch(passport);
    expect(verifyPassport(passport, null).findings.join('\n')).toMatch(finding);
  });

  it('that does not agree with a block that somebody has kept is not taken', async () => {
    const passport = await passportOf(books, paid);
    const n = passport.audit.head?.n ?? 0;
    expect(verifyPassport(passport, { n, hash: 'f'.repeat(64) }).findings).toEqual([
      `block ${n} is not the one that you have kept`,
    ]);
    expect(verifyPassport(passport, { n: n + 1, hash: 'f'.repeat(64) }).findings).toEqual([
      `the passport does not pass by block ${n + 1}, which you have kept`,
    ]);
  });

  it('of an entry that was changed in the books does not verify', async () => {
    await intruder.query('UPDATE transfer SET amount = amount + 1 WHERE id = $1', [await transferOf('capture')]);
    const { findings } = verifyPassport(await passportOf(books, paid), null);
    expect(findings).toEqual([expect.stringContaining('(capture) does not stand in block 1')]);
  });

  it.each(['', 'null', '[]', '{"paymentId": 5}'])('cannot be read from %p', (text) => {
    expect(verifyPassport(text === '' ? undefined : JSON.parse(text), null).findings).toHaveLength(1);
  });
});

describe('npm run verify', () => {
  const main = join(repository, 'dist/scripts/verify/main.js');
  const verifier = async (args: string[], role = 'surety_monitor') => {
    const DATABASE_MONITOR_URL = postgres.url(
      books.database,
      role,
      role === 'postgres' ? undefined : passwords.monitor,
    );
    try {
      return {
        code: 0,
        ...(await run(process.execPath, [main, ...args], { env: { ...process.env, DATABASE_MONITOR_URL } })),
      };
    } catch (error) {
      return error as { code: number; stdout: string; stderr: string };
    }
  };

  it('names the entry of which one byte was edited, and ends with 1', async () => {
    await expect(verifier(['ledger'])).resolves.toMatchObject({ code: 0, stdout: expect.stringMatching(/^ok: /) });
    const id = await transferOf('draw');
    await intruder.query(`UPDATE transfer SET reference = overlay(reference placing '~' from 3 for 1) WHERE id = $1`, [
      id,
    ]);
    for (const role of ['surety_monitor', 'postgres']) {
      await expect(verifier(['ledger', '--json'], role)).resolves.toMatchObject({
        code: 1,
        stdout: expect.stringMatching(`TOUCHED: [^:]+: transfer ${id} was changed`),
      });
    }
  });

  it('checks a passport from a file, and against a head that was kept', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'passport-'));
    const file = join(folder, 'passport.json');
    const passport = await passportOf(books, paid);
    await writeFile(file, JSON.stringify(passport));
    const head = `${passport.audit.head?.n ?? 0}:${passport.audit.head?.hash ?? ''}`;
    await expect(verifier(['passport', file, '--head', head])).resolves.toMatchObject({
      code: 0,
      stdout: expect.stringContaining(`head ${head}`),
    });
    await writeFile(file, JSON.stringify(passport).replace('"pointsCaptured":10', '"pointsCaptured":9'));
    await expect(verifier(['passport', file])).resolves.toMatchObject({
      code: 1,
      stdout: 'TOUCHED: pointsCaptured is not the sum of its captures\n',
    });
    await rm(folder, { recursive: true });
  });

  it('that cannot be made ends with 2 and says how', async () => {
    await expect(verifier([])).resolves.toMatchObject({ code: 2, stderr: expect.stringContaining('usage:') });
  });
});
