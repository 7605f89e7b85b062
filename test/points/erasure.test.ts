/** An erased member: what he is called then is nobody's name, and he meets payments without either waiting for ever. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { parseJsonLine } from '../../src/domain/creditLine.js';
import { externalId } from '../../src/api/validate.js';
import { Books } from '../support/books.js';
import { eventually } from '../support/world.js';

let books: Books;
beforeAll(async () => {
  books = await Books.open({ fundMinor: 1_000_000 });
});
afterAll(async () => {
  expect(await books.violations()).toEqual([]);
  await books.close();
});

const price = { amountMinor: 100, points: 5 };
const erase = (member: string) => books.points.eraseMember(books.partnerId, member, Date.now());

async function nameOf(member: string): Promise<string> {
  const { rows } = await books.admin.query<{ external_id: string }>('SELECT external_id FROM member WHERE id = $1', [
    member,
  ]);
  return rows[0]?.external_id ?? '';
}

it('what he is called then comes in by no border; what he could be thought to be called is another’s name', async () => {
  const member = await books.member('vera', { points: 5 });
  await expect(erase(member)).resolves.toEqual({ outcome: 'erased' });
  const name = await nameOf(member);
  expect(name).not.toContain('vera');
  expect(externalId.safeParse(name).success).toBe(false);
  const line = JSON.stringify({ memberExternalId: name, points: 1, reference: 'r' });
  expect(parseJsonLine(line, '2027-01-01')).toMatchObject({ kind: 'refused', reason: 'invalid_member' });
  // As it was before: another's, whoever takes it.
  const other = await books.member(`erased:${member}`, { points: 3 });
  expect(other).not.toBe(member);
  expect(await books.points.balance(books.partnerId, member, Date.now())).toEqual({ available: 5, held: 0 });
  // Nor may anybody who is not erased have such a name, whoever writes it.
  await expect(books.points.openMember(books.partnerId, '\u0001erased:me')).rejects.toThrow(/member_erased_name_check/);
});

it('nothing is held of him any more, by whoever knew his id before', async () => {
  const member = await books.member('zoya', { points: 5 });
  const key = await books.payment(price);
  await erase(member);
  await expect(books.hold(key, member, price)).resolves.toEqual({ outcome: 'other_member' });
});

it('an erasure between a hold’s first lock and its last: the hold goes through, and the erasure says that points are held', async () => {
  const member = await books.member('inna', { points: 5 });
  const key = await books.payment(price);
  const holder = await books.admin.connect();
  await holder.query('BEGIN');
  // As a hold begins.
  await holder.query('SELECT FROM account WHERE owner = $1 ORDER BY id FOR UPDATE', [member]);
  const erasure = erase(member);
  await eventually(
    async () => {
      const { rowCount } = await books.admin.query(
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%member_erase%'",
      );
      return rowCount === 1;
    },
    () => 'the erasure does not wait for the hold',
  );
  const seen = { ...price, currency: 'RUB' };
  const confirmation = { memberId: member, seen, actor: { kind: 'member', id: member }, confirmationId: key.paymentId };
  const { rows } = await holder.query<{ answer: { outcome: string } }>(
    'SELECT payment_hold($1, $2, $3, $4, now()) AS answer',
    [key.partnerId, key.paymentId, key.epoch, confirmation],
  );
  await holder.query('COMMIT');
  holder.release();
  expect(rows[0]?.answer).toEqual({ outcome: 'held' });
  await expect(erasure).resolves.toEqual({ outcome: 'conflict' });
});
