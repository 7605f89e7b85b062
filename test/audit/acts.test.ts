/** The log of what operators did is chained: whoever touches a line behind the ledger's back is found, by line. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { verifyLedger } from '../../scripts/verify/ledger.js';
import { OperatorActs } from '../../src/ledger/operatorActs.js';
import { Books } from '../support/books.js';

const lines = 7;

let books: Books;
let acts: OperatorActs;
/** A superuser to whom no trigger says no. */
let intruder: pg.PoolClient;

beforeAll(async () => {
  books = await Books.open();
  acts = new OperatorActs(books.admin);
  const roles = [[], ['viewer'], ['operator', 'approver']];
  for (let n = 1; n <= lines; n++) {
    const written = await acts.write({
      operator: n % 2 === 0 ? 'olga' : 'Ольга "О" \\ \u202e',
      roles: roles[n % 3] ?? [],
      partnerId: n % 3 === 0 ? null : books.partnerId,
      action: 'payment.probe',
      subjectKind: 'payment',
      subject: `subject ${n}`,
      outcome: 'done',
      detail: { reason: 'проверка', nested: { n, list: [1.5, null, true] } },
      requestId: `request-${n}`,
      at: Date.now() + n,
    });
    expect(written).toBe(n);
  }
  intruder = await books.admin.connect();
  await intruder.query('SET session_replication_role = replica');
  await intruder.query('CREATE TABLE kept AS TABLE operator_act');
});
afterEach(async () => {
  await intruder.query('DELETE FROM operator_act');
  await intruder.query('INSERT INTO operator_act SELECT * FROM kept');
});
afterAll(async () => {
  intruder.release(true);
  await books.close();
});

async function found() {
  const client = await books.monitor.connect();
  try {
    return (await verifyLedger(client, new Map(), () => undefined)).acts;
  } finally {
    client.release();
  }
}

describe('the log of what operators did', () => {
  it('is whole as it was written, by the verifier and by the ledger', async () => {
    await expect(found()).resolves.toEqual({ lines, finding: null });
    await expect(acts.check()).resolves.toEqual({ through: lines, broken: null });
  });

  it.each([
    ['one byte of its subject', `subject = overlay(subject placing '~' from 1 for 1)`],
    ['who did it', `operator = 'somebody else'`],
    ['in which roles', `roles = roles || '{approver}'`],
    ['when, by a microsecond', `at = at + interval '1 microsecond'`],
    ['to whose books', 'partner_id = NULL'],
    ['what was given', `detail = detail || '{"reason": "another"}'`],
    ['how it ended', `outcome = 'refused'`],
    ['one bit of its own hash', 'hash = set_bit(hash, 0, 1 - get_bit(hash, 0))'],
  ])('names the first line of which %s was changed', async (_, change) => {
    await intruder.query(`UPDATE operator_act SET ${change} WHERE n IN (4, 5)`);
    await expect(found()).resolves.toEqual({ lines: 3, finding: 'line 4 of what operators did was changed' });
    await expect(acts.check()).resolves.toEqual({ through: 3, broken: 4 });
  });

  it('names a line that was taken out, and one that was made anew', async () => {
    await intruder.query('DELETE FROM operator_act WHERE n = 4');
    await expect(found()).resolves.toEqual({ lines: 3, finding: 'line 4 of what operators did was taken out' });
    await expect(acts.check()).resolves.toEqual({ through: 3, broken: 4 });
    // As whoever owns the database could: changed, and its hash with it. The line after it tells.
    await intruder.query(`INSERT INTO operator_act SELECT * FROM kept WHERE n = 4`);
    await intruder.query(`UPDATE operator_act SET subject = 'other' WHERE n = 4`);
    await intruder.query('UPDATE operator_act act SET hash = operator_act_hash(act) WHERE n = 4');
    await expect(found()).resolves.toEqual({
      lines: 4,
      finding: 'line 5 of what operators did does not follow the line before it',
    });
    await expect(acts.check()).resolves.toEqual({ through: 4, broken: 5 });
  });
});
