/** A partner in the middle of his day: members with points, payments in several states, credits, keys. For the fuzzer. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { loyaltyPartner } from '../../scripts/demoWorld.js';
import { applyPartner } from '../../scripts/partner.js';
import type { Surety } from '../../scripts/surety.js';
import { KeyRing } from '../../src/keyring.js';

/** What the driver is told (fuzz.py). */
export interface LivingWorld {
  readonly apiUrl: string;
  readonly key: string;
  /** Known values, by the names that fields, queries and paths have for them. */
  readonly values: Readonly<Record<string, readonly unknown[]>>;
  /** Bodies that are streamed, by media type. */
  readonly bodies: Readonly<Record<string, readonly string[]>>;
  /** Whole bodies that fit, by operation: where what one field says decides what others may. */
  readonly whole: Readonly<Record<string, readonly object[]>>;
  /** Values that no call may use: the id of the key that all calls are made with. */
  readonly never: readonly string[];
}

const lineNames = ['memberExternalId', 'points', 'reference'];
const line = { memberExternalId: 'member-1', points: 10, reference: 'line-4' };

const memberCount = 40;
const invoiceCount = 60;
const openedCount = 30;
const approvalCount = 40;
/** Of an organisation: more than it lets be paid without an approver. */
const dearCount = 20;
const dearMinor = 1_000_000;
/** Batches that wait to be resumed or cancelled; others are finished before they are known. */
const pausedBatchCount = 12;
const batchMinor = 50;

/** Rates at which nothing waits for a limit: the fuzzer looks for answers that are wrong, not for late ones. */
export const fuzzEnvironment = { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } as const;
export const fuzzTemporalSetup = {
  INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: '200',
  INVOICEBOX_CALLS_PER_SECOND_ADDRESS: '400',
} as const;

interface Opened {
  readonly id: string;
  readonly points: number;
  readonly invoice: { readonly amountMinor: number; readonly currency: string };
}

/** @param key of the loyalty partner, with every scope */
export async function makeLivingWorld(surety: Surety, key: string, keyRing: KeyRing): Promise<LivingWorld> {
  const post = async (path: string, body: object): Promise<unknown> => {
    const response = await fetch(surety.apiUrl + path, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${key}`,
        'content-type': 'application/json',
        'idempotency-key': randomUUID(),
      },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`POST ${path} answered ${response.status}: ${await response.text()}`);
    return response.json();
  };
  await payForOrganisationsToo(surety, keyRing);
  const externalId = Array.from({ length: memberCount }, (_, n) => `member-${n}`);
  for (const memberExternalId of externalId) {
    await post('/v1/credits', { memberExternalId, points: 1_000_000, reference: `start-${memberExternalId}` });
  }
  const invoices = await Promise.all(
    Array.from({ length: invoiceCount }, (_, n) => surety.twin.createInvoice({ amountMinor: 100 + n * 1_000 })),
  );
  const invoiceId = invoices.map(({ id }) => id);
  const opened: Opened[] = [];
  for (const id of invoiceId.slice(0, openedCount)) {
    opened.push((await post('/v1/payments', { scheme: 'loyalty', invoiceId: id })) as Opened);
  }
  const confirm = ({ id, points, invoice: { amountMinor, currency } }: Opened) =>
    post(`/v1/payments/${id}/confirm`, { memberExternalId: 'anna', seen: { amountMinor, currency, points } });
  await Promise.all(opened.slice(0, 5).map(confirm));
  await Promise.all(opened.slice(5, 8).map(({ id }) => post(`/v1/payments/${id}/cancel`, {})));
  const { rows } = await surety.admin.query<{ id: string }>('SELECT id FROM api_key');
  const asker = (await post('/v1/api-keys', { name: 'asker', scopes: ['fund:write', 'payments:write'] })) as {
    key: string;
  };
  const approvalId = await askForApprovals(surety, asker.key);
  const dearId = await openDearPayments(surety, asker.key);
  const differenceId = await disagree(surety, key);
  const batchId = await pauseBatches(surety, key, post);
  return {
    apiUrl: surety.apiUrl,
    key,
    values: {
      externalId,
      invoiceId,
      paymentId: [...opened.map(({ id }) => id), ...dearId],
      approvalId,
      differenceId,
      paymentBatcheId: batchId,
      version: [1],
      currency: ['RUB'],
      // So little that it can be returned of any payment that is paid.
      amountMinor: [1, 100],
      month: [new Date().toISOString().slice(0, 7)],
      // Where webhooks may go: it refuses them all, so there is always one to be sent again.
      url: [`${surety.twin.url}/webhook`],
    },
    bodies: {
      'text/csv': [
        `${lineNames.join(',')}\nmember-1,10,line-1\nmember-2,0,line-2\nnobody-yet,5,line-3\n`,
        'a,b\n1,2\n',
        statement('fuzz'),
      ],
      'application/x-ndjson': [`${JSON.stringify(line)}\n`, `${JSON.stringify({ ...line, points: '1' })}\n{}\n`],
    },
    whole: {
      'PUT /v1/fund/statement-mapping': [mapping, { ...mapping, header: false, columns: { date: 1, amount: 2 } }],
      'POST /v1/approvals/{id}/approve': [{ version: 1, reason: 'as agreed' }],
    },
    never: rows.map(({ id }) => id),
  };
}

const mapping = {
  currency: 'RUB',
  columns: { date: 'date', amount: 'amount', transactionId: 'transaction' },
  direction: 'sign',
} as const;

const statement = (name: string): string =>
  `date;amount;transaction\n${Array.from({ length: 20 }, (_, n) => `01.11.2026;-${n + 1},00;${name}-${n}\n`).join('')}`;

/** A statement of which nobody knows anything. @returns its differences, once they are found */
async function disagree(surety: Surety, key: string): Promise<string[]> {
  const call = (method: string, path: string, type: string, body?: string) =>
    fetch(surety.apiUrl + path, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': type, 'idempotency-key': randomUUID() },
      ...(body === undefined ? {} : { body }),
    });
  await call('PUT', '/v1/fund/statement-mapping', 'application/json', JSON.stringify(mapping));
  await call('POST', '/v1/fund/statements', 'text/csv', statement('start'));
  for (let attempt = 1; attempt < 300; attempt++) {
    const response = await fetch(`${surety.apiUrl}/v1/fund/differences`, {
      headers: { authorization: `Bearer ${key}` },
    });
    const { data } = (await response.json()) as { data: { id: string }[] };
    if (data.length > 0) return data.map(({ id }) => id);
    await pause(100);
  }
  throw new Error('No difference is found');
}

/** What another key has asked for, so that this one may approve. */
async function askForApprovals(surety: Surety, key: string): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < approvalCount; n++) {
    const response = await fetch(`${surety.apiUrl}/v1/fund/deposits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({ currency: 'RUB', amountMinor: 100, reference: `bill-of-asker-${n}` }),
    });
    const { approval } = (await response.json()) as { approval: { id: string } };
    ids.push(approval.id);
  }
  return ids;
}

/** Paused before they could finish, as far as that succeeds. */
async function pauseBatches(
  surety: Surety,
  key: string,
  post: (path: string, body: object) => Promise<unknown>,
): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < pausedBatchCount; n++) {
    const invoices = await Promise.all([1, 2, 3].map(() => surety.twin.createInvoice({ amountMinor: batchMinor })));
    const { id } = (await post('/v1/payment-batches', { invoiceIds: invoices.map((invoice) => invoice.id) })) as {
      id: string;
    };
    const paused = await fetch(`${surety.apiUrl}/v1/payment-batches/${id}/pause`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'idempotency-key': randomUUID() },
    });
    if (paused.ok) ids.push(id);
  }
  return ids;
}

/** Payments of another key that wait for this one's word, or refusal. */
async function openDearPayments(surety: Surety, key: string): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < dearCount; n++) {
    const invoice = await surety.twin.createInvoice({ amountMinor: dearMinor });
    const response = await fetch(`${surety.apiUrl}/v1/payments`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({ scheme: 'organisation', invoiceId: invoice.id }),
    });
    const { id } = (await response.json()) as { id: string };
    ids.push(id);
  }
  return ids;
}

/** One partner of both schemes, so that one key reaches everything. */
async function payForOrganisationsToo(surety: Surety, keyRing: KeyRing): Promise<void> {
  const file = loyaltyPartner(surety.twin.host, surety.options.timings);
  const client = await surety.admin.connect();
  try {
    const organisationPolicy = { limits: { RUB: { approvalAboveMinor: dearMinor - 1 } } };
    const settings = { ...file.settings, organisation: {} };
    await applyPartner(client, { ...file, settings, organisationPolicy }, keyRing, true);
  } finally {
    client.release();
  }
}
