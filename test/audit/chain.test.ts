/** How the audit chain grows: in the order of commits, beside the payments, to the same roots as RFC 6962 has them. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { rootFrom, rootOf } from '../../scripts/verify/merkle.js';
import { verifyPassport } from '../../scripts/verify/passport.js';
import { Audit } from '../../src/ledger/audit.js';
import { Books } from '../support/books.js';
import { passportOf, pay, sealAll, sealWhatCanBe } from './sealed.js';

let books: Books;
let anna: string;
beforeAll(async () => {
  books = await Books.open();
  anna = await books.member('anna', { points: 100_000 });
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close('made_up');
});

const chain = async () =>
  (
    await books.admin.query<{ n: string; entries: number; first_position: string }>(
      'SELECT n, entries, first_position FROM audit_block WHERE partner_id = $1 ORDER BY n',
      [books.partnerId],
    )
  ).rows;

describe('a passport', () => {
  it('is pending until its entries are sealed, and then proves each of them', async () => {
    await sealAll(books);
    const key = await pay(books, anna);
    const before = await passportOf(books, key);
    expect(before.audit.state).toBe('pending');
    expect(verifyPassport(before, null)).toMatchObject({
      findings: [],
      sealed: 0,
      pending: before.audit.proofs.length,
    });

    await sealAll(books);
    const after = await passportOf(books, key);
    expect(after.audit.state).toBe('sealed');
    expect(after.audit.proofs).toHaveLength(after.entries.length + after.events.length);
    expect(after.entries.map(({ kind }) => kind).sort()).toEqual(['capture', 'draw', 'hold', 'reserve']);
    expect(verifyPassport(after, after.audit.head)).toEqual({
      ...{ findings: [], pending: 0, head: after.audit.head },
      sealed: after.audit.proofs.length,
    });
  });

  it('leads from the head to its block in a few steps, however far away', async () => {
    const key = await pay(books, anna);
    const kept = (await passportOf(books, key)).audit.head;
    for (let more = 0; more < 40; more++) await pay(books, anna, 1);
    await sealAll(books, 2);
    const { audit } = await passportOf(books, key);
    const [first] = audit.proofs;
    const distance = (audit.head?.n ?? 0) - (first?.block ?? 0);
    expect(distance).toBeGreaterThan(100);
    expect(audit.blocks.length).toBeLessThan(40);
    const passport = await passportOf(books, key);
    expect(verifyPassport(passport, audit.head).findings).toEqual([]);
    expect(kept?.n).toBeLessThan(first?.block ?? 0);
  });

  it('of another partner shows nothing of this chain', async () => {
    const key = await pay(books, anna);
    await sealAll(books);
    await expect(books.ledger.passport(randomUUID(), key.paymentId)).resolves.toBeNull();
    const client = await books.worker.connect();
    await client.query("SELECT set_config('surety.partner', $1, false)", [randomUUID()]);
    await expect(client.query('SELECT FROM audit_block')).rejects.toThrow('permission denied');
    client.release(true);
  });
});

describe('sealing', () => {
  it('waits for whatever may still be writing: no late commit slips behind what is sealed', async () => {
    const slow = await books.admin.connect();
    await slow.query('BEGIN');
    await slow.query('SELECT pg_current_xact_id()');
    const meanwhile = await pay(books, anna);
    await sealWhatCanBe(books);
    expect((await passportOf(books, meanwhile)).audit.state).toBe('pending');

    const late = randomUUID();
    await slow.query('SELECT fund_deposit($1, $2, 5, $3, $4, now())', [
      books.partnerId,
      'RUB',
      late,
      { kind: 't', id: 't' },
    ]);
    await slow.query('COMMIT');
    slow.release();
    await sealAll(books);
    expect((await passportOf(books, meanwhile)).audit.state).toBe('sealed');
    const blocks = await chain();
    const { rows } = await books.admin.query<{ position: string }>(
      `SELECT first_position + i AS position FROM transfer, audit_block, generate_series(0, entries - 1) AS i
       WHERE reference = $1 AND substr(keys, 17 * i + 1, 17) = '\\x00'::bytea || uuid_send(transfer.id)`,
      [late],
    );
    expect(rows).toHaveLength(1);
    expect(Number(blocks.at(-1)?.n)).toBe(blocks.length);
  });

  it('keeps no payment waiting, and a second sealer does nothing', async () => {
    const key = await books.payment({ amountMinor: 100, points: 10 });
    const sealer = await books.worker.connect();
    await sealer.query('BEGIN');
    const seal = `SELECT audit_seal($1, 10, now()) ->> 'outcome' AS outcome`;
    await expect(sealer.query(seal, [books.partnerId])).resolves.toMatchObject({ rows: [{ outcome: 'sealed' }] });
    // All locks that a payment takes, while the sealer's transaction is open.
    await expect(books.hold(key, anna, { amountMinor: 100, points: 10 })).resolves.toEqual({ outcome: 'held' });
    await expect(books.ledger.capture(key, 1, randomUUID(), 'request', Date.now())).resolves.toEqual({
      outcome: 'captured',
    });
    const another = await pay(books, anna);
    await expect(books.worker.query(seal, [books.partnerId])).resolves.toMatchObject({ rows: [{ outcome: 'busy' }] });
    await sealer.query('COMMIT');
    sealer.release();
    await sealAll(books);
    expect(verifyPassport(await passportOf(books, another), null).findings).toEqual([]);
  });

  it('takes credits by the ten thousand, in blocks, each entry once and in its place', async () => {
    await sealAll(books);
    const before = await chain();
    await books.admin.query(
      `WITH account AS (SELECT id FROM account WHERE owner = $2 AND kind = 'member.available'),
         issued AS (UPDATE account SET balance = balance - 25000 WHERE kind = 'programme.issued' RETURNING id),
         member AS (UPDATE account SET balance = balance + 25000 WHERE owner = $2 AND kind = 'member.available'),
         credit AS (INSERT INTO transfer (partner_id, kind, debit, credit, amount, reference, actor, at)
           SELECT $1, 'credit', issued.id, account.id, 1, 'bulk-' || n, '{"kind": "t", "id": "t"}', now()
           FROM account, issued, generate_series(1, 25000) AS n RETURNING id)
       INSERT INTO lot (id, partner_id, member_id, granted, remaining, transfer_id) SELECT id, $1, $2, 1, 1, id FROM credit`,
      [books.partnerId, anna],
    );
    expect(await sealAll(books)).toBe(3);
    const blocks = await chain();
    expect(blocks.slice(before.length).map(({ entries }) => entries)).toEqual([10_000, 10_000, 5_000]);
    const total = blocks.reduce((sum, { entries }) => sum + entries, 0);
    const { rows } = await books.admin.query<{ count: string; sealed: string }>(
      `SELECT (SELECT count(*) FROM transfer) + (SELECT count(*) FROM payment_event) AS count,
         (SELECT count(DISTINCT substr(keys, 17 * i + 1, 17)) FROM audit_block, generate_series(0, entries - 1) AS i) AS sealed`,
    );
    expect(rows).toEqual([{ count: String(total), sealed: String(total) }]);
  });

  it('of an unknown partner, or of one without entries, seals nothing', async () => {
    const audit = new Audit(books.worker);
    await expect(audit.seal(randomUUID(), 10, Date.now())).resolves.toEqual({ outcome: 'nothing' });
    await expect(audit.partnersToSeal()).resolves.toEqual([books.partnerId]);
  });

  it('cannot be undone or changed by anybody’s role', async () => {
    await expect(books.admin.query('UPDATE audit_block SET entries = entries')).rejects.toThrow('append-only');
    await expect(books.admin.query('DELETE FROM audit_block')).rejects.toThrow('append-only');
    for (const pool of [books.worker, books.monitor]) {
      await expect(pool.query('DELETE FROM audit_block')).rejects.toThrow('permission denied');
    }
  });
});

describe('the tree', () => {
  const inSql = async (leaves: Buffer) =>
    (
      await books.admin.query<{ root: Buffer; paths: string[][] }>(
        `SELECT levels[cardinality(levels)] AS root,
           (SELECT array_to_json(array_agg(merkle_path(levels, i) ORDER BY i)) FROM generate_series(0, length($1::bytea) / 32 - 1) AS i) AS paths
         FROM merkle_levels($1) AS levels`,
        [leaves],
      )
    ).rows[0];

  it('is that of RFC 6962: roots of the test vectors of Certificate Transparency', async () => {
    const data = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
    const roots: Readonly<Record<number, string>> = {
      1: '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
      2: 'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
      3: 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
      8: '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
    };
    const { rows } = await books.admin.query<{ hash: Buffer }>(
      `SELECT sha256('\\x00'::bytea || decode(data, 'hex')) AS hash FROM unnest($1::text[]) WITH ORDINALITY AS d(data, o) ORDER BY o`,
      [data],
    );
    for (const [size, root] of Object.entries(roots)) {
      const leaves = Buffer.concat(rows.slice(0, Number(size)).map(({ hash }) => hash));
      expect(rootOf(leaves).toString('hex')).toBe(root);
      expect((await inSql(leaves))?.root.toString('hex')).toBe(root);
    }
  });

  it('has the same root and the same paths in Postgres and in the verifier, and no leaf stands elsewhere', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 70 }),
        async (all) => {
          const leaves = Buffer.concat(all);
          const told = await inSql(leaves);
          const root = rootOf(leaves);
          expect(told?.root).toEqual(root);
          all.forEach((leaf, index) => {
            const path = (told?.paths[index] ?? []).map((text) => Buffer.from(text, 'hex'));
            const from = (at: number, size = all.length) => rootFrom(Buffer.from(leaf), at, size, path);
            expect(from(index)).toEqual(root);
            expect(from(all.length)).toBeUndefined();
            expect(rootFrom(Buffer.from(leaf), index, all.length, [...path, root])).not.toEqual(root);
          });
        },
      ),
      { numRuns: 40 },
    );
  });
});
