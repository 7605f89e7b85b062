/** The fund by its API: two people, the accountant's statement as Excel gets it, doubt. Real HTTP, Postgres, Temporal. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { send } from '../support/rawHttp.js';
import { World, type ApiAnswer } from '../support/world.js';
import { unknownCurrency } from '../support/currencies.js';

let world: World;
/** A second person's key, which may approve alone. */
let second: string;
beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
  const made = await world.call(world.keys.organisation, 'POST', '/v1/api-keys', {
    name: 'accountant',
    scopes: ['fund:read', 'fund:approve'],
  });
  second = (made.body as unknown as { key: string }).key;
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

interface Approval {
  readonly id: string;
  readonly state: string;
  readonly version: number;
}
const approvalOf = ({ body }: ApiAnswer): Approval => (body as unknown as { approval: Approval }).approval;

const post = (path: string, body: object, key = world.keys.organisation, headers: Record<string, string> = {}) =>
  world.call(key, 'POST', path, body, headers);

const decide = ({ id, version }: Approval, decision: 'approve' | 'reject', key: string) =>
  post(`/v1/approvals/${id}/${decision}`, { version, reason: 'looked' }, key);

interface FundRow {
  readonly currency: string;
  readonly availableMinor: number;
  readonly doubtedAt: string | null;
  readonly runway: object;
}
async function fund(): Promise<FundRow> {
  const { body } = await world.call(world.keys.organisation, 'GET', '/v1/fund');
  const [row] = (body as unknown as { data: FundRow[] }).data;
  if (row === undefined) throw new Error('There is no fund');
  return row;
}

describe('a deposit', () => {
  const bill = () => ({ currency: 'RUB', amountMinor: 5_000_00, reference: `bill-${randomUUID()}`, note: 'ноябрь' });

  it('is asked for (202), approved by another key (200), booked once, and told so to whoever asks again', async () => {
    const before = (await fund()).availableMinor;
    const wish = bill();
    const headers = { 'idempotency-key': randomUUID() };
    const asked = await post('/v1/fund/deposits', wish, world.keys.organisation, headers);
    const approval = approvalOf(asked);
    expect([asked.status, approval.state, asked.headers.get('location')]).toEqual([
      202,
      'pending',
      `/v1/approvals/${approval.id}`,
    ]);
    expect((await fund()).availableMinor).toBe(before);

    const own = await decide(approval, 'approve', world.keys.organisation);
    expect([own.status, own.body]).toMatchObject([409, { code: 'conflict', refusal: 'own_request', state: 'pending' }]);
    const decided = await decide(approval, 'approve', second);
    expect([decided.status, decided.body]).toMatchObject([
      200,
      { state: 'approved', request: { reference: wish.reference } },
    ]);
    expect((await fund()).availableMinor).toBe(before + wish.amountMinor);

    const again = await decide(approval, 'reject', second);
    expect([again.status, again.body]).toMatchObject([409, { refusal: 'already_decided', state: 'approved' }]);
    // The same request, replayed and anew: the true state.
    for (const key of [headers['idempotency-key'], randomUUID()]) {
      const repeated = await post('/v1/fund/deposits', wish, world.keys.organisation, { 'idempotency-key': key });
      expect([repeated.status, approvalOf(repeated).state]).toEqual([200, 'approved']);
      expect((repeated.body as unknown as { entryId: string | null }).entryId).toMatch(/^[0-9a-f-]{36}$/);
    }
    const other = await post('/v1/fund/deposits', { ...wish, amountMinor: 1 });
    expect([other.status, other.body]).toMatchObject([409, { code: 'reference_conflict', approvalId: approval.id }]);
    expect((await fund()).availableMinor).toBe(before + wish.amountMinor);
    const read = await world.call(second, 'GET', `/v1/approvals/${approval.id}`);
    expect(read.body).toMatchObject({ state: 'approved', decisionReason: 'looked', requestedBy: { kind: 'api_key' } });
  });

  it('needs the scope: who may approve may not ask', async () => {
    const refused = await post('/v1/fund/deposits', bill(), second);
    expect([refused.status, refused.body.code]).toEqual([403, 'forbidden']);
  });

  it('that the operator has booked is told as booked, with no approval', async () => {
    const told = await post('/v1/fund/deposits', { currency: 'RUB', amountMinor: 100_000_000_00, reference: 'bill-1' });
    expect([told.status, told.body]).toMatchObject([200, { approval: null, entryId: expect.any(String) as unknown }]);
  });

  it('is booked at once (201) where the settings waive approval', async () => {
    const setting = (waived: string[]) =>
      world.surety.admin.query('UPDATE surety.partner SET approvals = $1 WHERE id = $2', [
        { waived },
        world.partnerIds.organisation,
      ]);
    await setting(['fund.deposit']);
    const before = (await fund()).availableMinor;
    const booked = await post('/v1/fund/deposits', { ...bill(), amountMinor: 7 });
    expect([booked.status, approvalOf(booked)]).toMatchObject([
      201,
      { state: 'approved', waived: true, decidedBy: null },
    ]);
    expect((await fund()).availableMinor).toBe(before + 7);
    await setting([]);
  });
});

it('approvals are listed by state, page by page, newest first', async () => {
  for (let n = 0; n < 5; n++) {
    await post('/v1/fund/corrections', { currency: 'RUB', amountMinor: -1, reference: randomUUID(), reason: 'list' });
  }
  const seen: string[] = [];
  let after = '';
  do {
    const { body } = await world.call(second, 'GET', `/v1/approvals?state=pending&limit=2${after}`);
    const page = body as unknown as { data: { id: string; state: string }[]; next: string | null };
    expect(page.data.every(({ state }) => state === 'pending')).toBe(true);
    seen.push(...page.data.map(({ id }) => id));
    after = page.next === null ? '' : `&after=${encodeURIComponent(page.next)}`;
  } while (after !== '');
  expect(seen).toHaveLength(new Set(seen).size);
  expect(seen).toEqual([...seen].sort().reverse());
  expect(seen.length).toBeGreaterThanOrEqual(5);
});

it('a doubted fund is cleared by a person with a reason, and payments open again', async () => {
  await world.surety.admin.query('UPDATE surety.partner SET fund_doubted_at = now() WHERE id = $1', [
    world.partnerIds.organisation,
  ]);
  expect((await fund()).doubtedAt).not.toBeNull();
  const refused = await world.payAsOrganisation((await world.invoice()).id);
  expect([refused.status, refused.body.code]).toEqual([409, 'partner_not_ready']);
  const cleared = await post('/v1/fund/doubt/clear', { reason: 'the statement agrees' });
  expect([cleared.status, cleared.body]).toMatchObject([200, { data: [{ doubtedAt: null }] }]);
  const opened = await world.payAsOrganisation((await world.invoice()).id);
  expect(opened.status).toBe(202);
  await world.until(opened.body.id, ['paid'], world.keys.organisation);
});

it('what was done about the fund without moving money is listed, with who did it', async () => {
  await world.call(world.keys.organisation, 'PUT', '/v1/fund/low-water', { currency: 'RUB', lowWaterMinor: 7 });
  await world.call(world.keys.organisation, 'PUT', '/v1/fund/low-water', { currency: 'RUB', lowWaterMinor: 7 });
  await world.call(world.keys.organisation, 'PUT', '/v1/fund/low-water', { currency: 'RUB', lowWaterMinor: null });
  const page = async (query: string) =>
    (await world.call(second, 'GET', `/v1/fund/acts?${query}`)).body as unknown as {
      data: { kind: string; detail: object; by: { kind: string } }[];
      next: string | null;
    };
  const last = await page('limit=1');
  expect(last.data).toMatchObject([
    { kind: 'low_water_set', detail: { beforeMinor: 7, lowWaterMinor: null }, by: { kind: 'api_key' } },
  ]);
  const before = await page(`limit=1&after=${last.next ?? ''}`);
  expect(before.data).toMatchObject([{ kind: 'low_water_set', detail: { currency: 'RUB', lowWaterMinor: 7 } }]);
  // To set what is set is no act.
  expect((await page('limit=200')).data.map(({ kind }) => kind).slice(0, 3)).not.toEqual(
    Array(3).fill('low_water_set'),
  );
});

describe('the statement', () => {
  const month = () => new Date(Date.now() + 3 * 3_600_000).toISOString().slice(0, 7); // Moscow

  async function csv(query: string): Promise<{ text: string; rows: string[][] }> {
    const authorization = `Bearer ${second}`;
    const { status, text, type } = await send(world.surety.apiUrl, 'GET', `/v1/fund/statement?${query}`, {
      authorization,
    });
    expect([status, type]).toEqual([200, 'text/csv']);
    // Its byte order mark is gone: whoever decodes UTF-8 takes it away.
    const lines = text.split('\r\n');
    expect(lines.pop()).toBe('');
    return { text, rows: lines.map((line) => line.split(';')) };
  }

  it('is a file that Excel opens: byte order mark, semicolons, CRLF, decimal commas; it adds up and says what it says in JSON', async () => {
    const opened = await world.payAsOrganisation((await world.invoice({ amountMinor: 1_234_56 })).id);
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    const { text, rows } = await csv(`month=${month()}&currency=RUB`);
    expect(text.startsWith('Дата и время;Операция;')).toBe(true);
    const raw = await fetch(`${world.surety.apiUrl}/v1/fund/statement?month=${month()}&currency=RUB`, {
      headers: { authorization: `Bearer ${second}` },
    });
    expect([...new Uint8Array(await raw.arrayBuffer()).subarray(0, 3)]).toEqual([0xef, 0xbb, 0xbf]);
    expect(text.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const answer = await world.call(second, 'GET', `/v1/fund/statement?month=${month()}&currency=RUB&format=json`);
    const told = answer.body as unknown as {
      openingMinor: number;
      closingMinor: number;
      incomingMinor: number;
      outgoingMinor: number;
      entries: { amountMinor: number; balanceMinor: number; kind: string; invoiceNumber: string | null }[];
    };
    expect(told.entries).toContainEqual(expect.objectContaining({ kind: 'draw', amountMinor: -1_234_56 }));
    const minor = (cell: string | undefined) => Math.round(Number((cell ?? '').replace(',', '.')) * 100);
    const body = rows.slice(2, -3);
    expect(body.map((cells) => [minor(cells[3]), minor(cells[7])])).toEqual(
      told.entries.map(({ amountMinor, balanceMinor }) => [amountMinor, balanceMinor]),
    );
    expect(rows.slice(-3).map((cells) => [cells[1], minor(cells[3]), minor(cells[7])])).toEqual([
      ['Оборот: поступило', told.incomingMinor, 0],
      ['Оборот: списано', -told.outgoingMinor, 0],
      ['Остаток на конец', 0, told.closingMinor],
    ]);
    expect(told.openingMinor + told.incomingMinor - told.outgoingMinor).toBe(told.closingMinor);
    const ours = await world.surety.ledger.fundBalance(world.partnerIds.organisation);
    expect(told.closingMinor).toBe((ours[0]?.sizeMinor ?? 0) - (ours[0]?.drawnMinor ?? 0));
    expect((await csv(`month=${month()}&currency=RUB&language=en`)).rows[0]?.[0]).toBe('Time');
  });

  it('runs no formula: text is text, whoever wrote it, and amounts stay numbers', async () => {
    const opened = await world.payAsOrganisation((await world.invoice({ amountMinor: 5_00 })).id);
    await world.until(opened.body.id, ['paid'], world.keys.organisation);
    await world.surety.admin.query('UPDATE surety.payment SET invoice_number = $1 WHERE id = $2', [
      '=HYPERLINK("http://evil";"x")',
      opened.body.id,
    ]);
    const reference = "@SUM(1+1)*cmd|'/C'!A0";
    const wish = { currency: 'RUB', amountMinor: -3, reference, reason: 'x' };
    await decide(approvalOf(await post('/v1/fund/corrections', wish)), 'approve', second);
    const { text } = await csv(`month=${month()}&currency=RUB`);
    expect(text).toContain(`;"'=HYPERLINK(""http://evil"";""x"")";-5,00;`);
    expect(text).toContain(`;;-0,03;;;'${reference};`);
    const cells = text.split(/;|\r\n/);
    expect(cells.filter((cell) => /^["']?\s*[=+@]/.test(cell) && !/^"?'/.test(cell))).toEqual([]);
  });

  it('of thousands of entries comes whole, in the order of their time', async () => {
    const at = Date.parse('2025-06-15T12:00:00Z');
    await world.surety.admin.query(
      `WITH accounts AS (
         SELECT (SELECT id FROM surety.account WHERE partner_id = $1 AND kind = 'fund.external' AND asset = 'RUB') AS external,
           (SELECT id FROM surety.account WHERE partner_id = $1 AND kind = 'fund.available' AND asset = 'RUB') AS available),
       booked AS (
         INSERT INTO surety.transfer (partner_id, kind, debit, credit, amount, reference, actor, at)
         SELECT $1, 'deposit', external, available, n, 'many-' || n, '{"kind":"operator","id":"test"}',
           $2::timestamptz + n * interval '1 second'
         FROM accounts, generate_series(1, 2500) AS n RETURNING amount)
       UPDATE surety.account SET balance = balance + CASE kind WHEN 'fund.external' THEN -1 ELSE 1 END * (SELECT sum(amount) FROM booked)
       WHERE partner_id = $1 AND kind IN ('fund.external', 'fund.available') AND asset = 'RUB'`,
      [world.partnerIds.organisation, new Date(at)],
    );
    const { rows } = await csv('month=2025-06&currency=RUB');
    expect(rows.slice(2, -3).map((cells) => cells[6])).toEqual(
      Array.from({ length: 2_500 }, (_, n) => `many-${n + 1}`),
    );
    expect(rows.at(-1)?.[7]).toBe('31262,50');
  });

  it.each([
    ['month=2026-13&currency=RUB', 422, 'invalid_request'],
    ['month=9999-12&currency=RUB', 422, 'invalid_request'],
    ['month=2026-11&currency=rub', 422, 'invalid_request'],
    [`month=2026-11&currency=${unknownCurrency}`, 422, 'invalid_request'],
    ['month=2026-11', 422, 'invalid_request'],
    ['month=2026-11&currency=EUR', 404, 'not_found'],
  ])('%s is answered %d %s', async (query, status, code) => {
    const answer = await world.call(second, 'GET', `/v1/fund/statement?${query}`);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

it('points outstanding are those of all members at the end of a day', async () => {
  const today = new Date(Date.now() + 3 * 3_600_000).toISOString().slice(0, 10); // Moscow
  const { body } = await world.call(world.keys.loyalty, 'GET', `/v1/points/outstanding?date=${today}`);
  const { rows } = await world.surety.admin.query<{ points: number }>(
    `SELECT sum(balance)::int AS points FROM surety.account WHERE kind IN ('member.available', 'member.held')`,
  );
  expect(body).toMatchObject({ date: today, points: rows[0]?.points });
});
