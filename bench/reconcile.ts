/**
 * Reconciliation by the real way: a month of payments in the books, its statement sent to the API's process, taken in, matched
 * and judged by the worker's, with differences of every kind planted; until the statement says that it is reconciled.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { organisationPartner } from '../scripts/demoWorld.js';
import { applyPartner } from '../scripts/partner.js';
import { repository } from '../scripts/stack.js';
import type { Surety } from '../scripts/surety.js';
import { KeyRing } from '../src/keyring.js';
import { describeMachine, watchResident, type BenchOptions, type Report } from './harness.js';
import { sendFile } from './sendFile.js';
import { benchKeys, startedSurety } from './startedSurety.js';

/** The month, in Moscow. */
const [monthBegins, monthDays] = [Date.parse('2026-10-01T00:00:00+03:00'), 31];
const dayMs = 86_400_000;
const mapping = {
  dates: 'dd.MM.yyyy',
  columns: {
    date: 'Дата',
    transactionId: 'Номер транзакции',
    operationId: 'Операция партнёра',
    invoiceNumber: 'Номер счёта',
    amount: 'Сумма',
    currency: 'Валюта',
  },
  direction: 'sign',
} as const;
const header = 'Дата;Номер транзакции;Операция партнёра;Номер счёта;Сумма;Валюта\r\n';

/** How many of each kind; as many lines are left out as are put in. */
const planted = { ours_only: 20, amount: 10, theirs_only: 10, state: 5, duplicate: 5 } as const;
type Kind = keyof typeof planted;

interface Difference {
  readonly kind: string;
  readonly amountMinor: number;
  readonly paymentId: string | null;
}

export async function benchReconcile(options: BenchOptions): Promise<Report> {
  const payments = options.lines === 0 ? 1_000_000 : options.lines;
  const folder = join(repository, '.data/bench', randomUUID());
  await mkdir(folder, { recursive: true });
  const file = join(folder, 'statement.csv');
  const expected = await writeStatement(file, payments);

  const ends: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    // A million entries that were made at once would be sealed meanwhile.
    const { surety, databaseUrl } = await startedSurety(ends, { temporalSetup: { SEAL_EVERY_MS: '3600000' } });
    const fillingBegan = performance.now();
    const key = await fill(surety, payments);
    const fillSeconds = (performance.now() - fillingBegan) / 1_000;
    const [apiProcess, workerProcess] = await Promise.all([surety.startApi(), surety.startWorker()]);
    ends.push(
      () => apiProcess.stop(),
      () => workerProcess.stop(),
    );
    const machine = await describeMachine(databaseUrl);
    const call = (method: string, path: string, body?: object) => callApi(surety.apiUrl, key, method, path, body);
    await call('PUT', '/v1/fund/statement-mapping', mapping);

    const resident = await watchResident([apiProcess.pid, workerProcess.pid]);
    const began = performance.now();
    const sent = await sendFile(`${surety.apiUrl}/v1/fund/statements?from=2026-10-01&to=2026-10-31`, key, file);
    const uploadSeconds = (performance.now() - began) / 1_000;
    const id = String(sent['id']);
    await untilReconciled(call, id);
    const seconds = (performance.now() - began) / 1_000;
    const residentGrowthMiB = await resident.stop();

    const open = await allDifferences(call);
    const found = expected.filter((one) => takeOut(open, one)).length;
    const invented = open.length;
    const again = performance.now();
    const second = await sendFile(`${surety.apiUrl}/v1/fund/statements?from=2026-10-01&to=2026-10-31`, key, file);
    await untilReconciled(call, String(second['id']));
    const againSeconds = (performance.now() - again) / 1_000;
    const isSame = (await allDifferences(call)).length === found + invented;

    const rounded = (value: number): number => Math.round(value * 10) / 10;
    const lines = Number(sent['movements']);
    return {
      title: `Reconciliation: ${payments} payments, ${lines} lines of a statement`,
      rows: [
        ['from the first byte until reconciled, s', rounded(seconds).toString()],
        ['  of that the upload, s', rounded(uploadSeconds).toString()],
        ['the same file again, s', rounded(againSeconds).toString()],
        ['differences planted', String(expected.length)],
        ['  found', String(found)],
        ['  invented', String(invented)],
        ['a second run says the same', String(isSame)],
        ['resident growth of API and worker, MiB', rounded(residentGrowthMiB).toString()],
        ['file, MiB', rounded((await stat(file)).size / 1_048_576).toString()],
        ['making the payments before, s', rounded(fillSeconds).toString()],
        ...Object.entries(machine).map(([name, value]) => [name, String(value)] as const),
      ],
      notes: [
        'A third of the lines has Invoicebox’s transaction, a third the operation, a third the invoice’s number alone, with sum and day.',
        `Planted: ${Object.entries(planted)
          .map(([kind, count]) => `${count} ${kind}`)
          .join(', ')}. Found: of that kind, sum and payment. Invented: any other.`,
        'One run; default durability of Postgres. The payments are made by SQL, with their entries, attempts and accounts; sealing is left for later.',
      ],
      figures: {
        bench: 'reconcile',
        payments,
        lines,
        planted: expected.length,
        found,
        invented,
        seconds: rounded(seconds),
        residentGrowthMiB: rounded(residentGrowthMiB),
        uploadSeconds: rounded(uploadSeconds),
        againSeconds: rounded(againSeconds),
        isSame,
        machine,
      },
    };
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

// What a payment is, by its number: here for the file, and the same in SQL below.
const paymentIdOf = (n: number): string => `00000000-0000-7000-8000-${n.toString(16).padStart(12, '0')}`;
const transactionOf = (n: number): string => `tx-${String(n).padStart(9, '0')}`;
const numberOf = (n: number): string => `123-${String(n).padStart(9, '0')}`;
const amountOf = (n: number): number => 10_000 + (n % 1_000_000);
const momentOf = (n: number, payments: number): number =>
  monthBegins + Math.floor((n * monthDays * (dayMs / 1_000)) / payments) * 1_000;

/** Spread over the month, no payment twice: what is planted, by the number of its payment. */
function plan(payments: number): Map<number, Kind> {
  const kinds = (Object.keys(planted) as Kind[]).flatMap((kind) => Array<Kind>(planted[kind]).fill(kind));
  return new Map(kinds.map((kind, index) => [Math.floor(((index + 0.5) * payments) / kinds.length), kind]));
}

/** Of those that ended unpaid in our books, the numbers go on after the paid ones. */
async function writeStatement(file: string, payments: number): Promise<Difference[]> {
  const differences: Difference[] = [];
  const kinds = plan(payments);
  const out = createWriteStream(file);
  out.write(header);
  let declined = payments;
  const write = async (line: string): Promise<void> => {
    if (!out.write(line)) await once(out, 'drain');
  };
  for (let n = 0; n < payments; n++) {
    const kind = kinds.get(n);
    const paymentId = paymentIdOf(n);
    const date = written(momentOf(n, payments));
    const amount = amountOf(n);
    const row = (transaction: string, operation: string, invoice: string, minor: number): string =>
      `${date};${transaction};${operation};${invoice};${decimal(-minor)};RUB\r\n`;
    if (kind === 'ours_only') {
      differences.push({ kind, amountMinor: -amount, paymentId });
      continue;
    }
    if (kind === 'amount') {
      differences.push({ kind, amountMinor: -100, paymentId });
      await write(row(transactionOf(n), '', '', amount + 100));
      continue;
    }
    // A payment's double stands beside a line that is the payment for certain; of two that may both be it, one is theirs only.
    const transaction = n % 3 === 0 || kind === 'duplicate' ? transactionOf(n) : '';
    const operation = n % 3 === 1 ? paymentId : '';
    await write(row(transaction, operation, numberOf(n), amount));
    if (kind === undefined) continue;
    const more = { theirs_only: '', state: paymentIdOf(declined), duplicate: paymentId }[kind];
    if (kind === 'state') declined += 1;
    await write(row(`other-${n}`, more, '', amount));
    differences.push({ kind, amountMinor: -amount, paymentId: more === '' ? null : more });
  }
  out.end();
  await once(out, 'finish');
  return differences;
}

function written(at: number): string {
  const [, year = '', month = '', day = '', time = ''] =
    /^(\d+)-(\d+)-(\d+)T(.{8})/.exec(new Date(at + 3 * 3_600_000).toISOString()) ?? [];
  return `${day}.${month}.${year} ${time}`;
}

/** With a no-break space between thousands, as cabinets write. */
function decimal(minor: number): string {
  const digits = String(Math.abs(minor)).padStart(3, '0');
  const whole = digits.slice(0, -2).replaceAll(/\B(?=(\d{3})+$)/g, '\u00a0');
  return `${minor < 0 ? '\u2212' : ''}${whole},${digits.slice(-2)}`;
}

/** Paid payments with their entries, as the saga would have left them; the last few ended unpaid. @returns an API key */
async function fill(surety: Surety, payments: number): Promise<string> {
  const client = await surety.admin.connect();
  try {
    const settings = organisationPartner('127.0.0.1:1');
    const { partnerId, apiKey } = await applyPartner(client, settings, new KeyRing(benchKeys), true);
    if (apiKey === null) throw new Error('A new partner has a new key');
    await client.query('SET search_path = surety');
    const values = [partnerId, payments, monthBegins / 1_000, monthDays * 86_400];
    for (const statement of filling) await client.query(statement, values.slice(0, placesIn(statement)));
    await client.query('ALTER TABLE transfer ENABLE TRIGGER USER');
    await client.query('ANALYZE');
    await client.query('CHECKPOINT');
    return apiKey;
  } finally {
    client.release();
  }
}

const placesIn = (sql: string): number => Math.max(0, ...[...sql.matchAll(/\$(\d)/g)].map(([, n]) => Number(n)));

const idOf = (n: string): string => `('00000000-0000-7000-8000-' || lpad(to_hex(${n}), 12, '0'))::uuid`;
const atOf = (n: string): string => `to_timestamp($3::float8 + floor(${n}::float8 * $4 / $2))`;
const filling = [
  // A trigger a row would take longer than the rest; what it counts is no part of this.
  'ALTER TABLE transfer DISABLE TRIGGER USER',
  `INSERT INTO account (partner_id, kind, owner, asset)
   SELECT $1::uuid, kind, NULL, 'RUB' FROM unnest(ARRAY['fund.reserved', 'fund.drawn']) AS kind ON CONFLICT DO NOTHING`,
  `INSERT INTO payment (id, partner_id, scheme, invoice_id, state, reason, member_named, opened_by, policy, invoice_number,
     amount_minor, currency, points, transaction_id, paid_at, opened_at, closed_at)
   SELECT ${idOf('n')}, $1::uuid, 'organisation', ${idOf('n')}::text, CASE WHEN n < $2::bigint THEN 'paid' ELSE 'declined' END,
     CASE WHEN n >= $2 THEN 'refused' END, false, '{"kind":"api_key","id":"bench"}', '{}', '123-' || lpad(n::text, 9, '0'),
     10000 + n % 1000000, 'RUB', 0, CASE WHEN n < $2 THEN 'tx-' || lpad(n::text, 9, '0') END,
     CASE WHEN n < $2 THEN ${atOf('n')} END, ${atOf('n')}, ${atOf('n')}
   FROM generate_series(0, $2::bigint + ${planted.state - 1}) AS n`,
  `INSERT INTO payment_attempt (payment_id, n, partner_id, epoch, started_at, finished_at, class, code)
   SELECT id, 1, partner_id, 1, opened_at, opened_at, CASE state WHEN 'paid' THEN 'paid' ELSE 'refused' END, 'x'
   FROM payment WHERE partner_id = $1::uuid`,
  `INSERT INTO transfer (partner_id, payment_id, kind, debit, credit, amount, reference, actor, at)
   SELECT partner_id, payment.id, 'draw', reserved.id, drawn.id, amount_minor, transaction_id, '{"kind":"saga","id":"bench"}', paid_at
   FROM payment,
     (SELECT id FROM account WHERE partner_id = $1::uuid AND kind = 'fund.reserved') AS reserved,
     (SELECT id FROM account WHERE partner_id = $1 AND kind = 'fund.drawn') AS drawn
   WHERE partner_id = $1 AND state = 'paid'
   ORDER BY paid_at`,
];

type Call = (method: string, path: string, body?: object) => Promise<Record<string, unknown>>;

async function callApi(
  url: string,
  key: string,
  method: string,
  path: string,
  body?: object,
): Promise<Record<string, unknown>> {
  const response = await fetch(url + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

async function untilReconciled(call: Call, id: string): Promise<void> {
  for (;;) {
    const { state } = await call('GET', `/v1/fund/statements/${id}`);
    if (state === 'reconciled') return;
    const { data } = await call('GET', '/v1/reconciliations?limit=1');
    const [last] = data as { state: string; failure: string | null }[];
    if (last?.state === 'failed') throw new Error(`The run has failed: ${last.failure ?? ''}`);
    await pause(250);
  }
}

async function allDifferences(call: Call): Promise<Difference[]> {
  const all: Difference[] = [];
  for (let next: unknown = null; ;) {
    const after = typeof next === 'string' ? `&after=${encodeURIComponent(next)}` : '';
    const page = await call('GET', `/v1/fund/differences?state=open&limit=200${after}`);
    all.push(...(page['data'] as Difference[]));
    next = page['next'];
    if (next === null) return all;
  }
}

/** @returns whether it was among them, once; it is not any more */
function takeOut(open: Difference[], { kind, amountMinor, paymentId }: Difference): boolean {
  const at = open.findIndex(
    (one) => one.kind === kind && one.amountMinor === amountMinor && one.paymentId === paymentId,
  );
  if (at !== -1) open.splice(at, 1);
  return at !== -1;
}
