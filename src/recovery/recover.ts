/**
 * Recovers a restored ledger: what Temporal's histories prove is told to it, what Invoicebox says is set beside it, and whatever
 * is not over is taken up by a new run (docs/backup.md). The ledger is closed meanwhile. Begun again, it goes on: what was told
 * once changes nothing.
 */
import type { Client } from '@temporalio/client';
import type { Evidence } from '../domain/evidence.js';
import { isFinal } from '../domain/payment.js';
import {
  disagreement,
  recoveryAction,
  turnOf,
  turnOfReturn,
  type LedgerSays,
  type RecoveryAction,
} from '../domain/recovery.js';
import type { Recoveries, Recovered } from '../ledger/recoveries.js';
import type { Recovery } from '../ledger/recovery.js';
import { takeUp } from '../activities/takeUp.js';
import { begunSince, type FoundReturn, type FoundSubject } from './begun.js';
import { addRunOf, readEvidence, runsSince, type Run } from './found.js';
import type { InvoiceReader, InvoiceSays } from './readInvoices.js';
import { decoderOf } from './recorded.js';
import { paymentReport, returnReport, type PaymentReport, type ReturnReport, type SubjectReport } from './report.js';

export interface RecoveryTools {
  readonly temporal: Client;
  readonly recoveries: Recoveries;
  readonly recovery: Recovery;
  readonly invoices: InvoiceReader;
  /** Progress, in words. */
  readonly say: (line: string) => void;
}

export interface Findings {
  readonly payments: readonly PaymentReport[];
  readonly returns: readonly ReturnReport[];
  readonly begun: readonly SubjectReport[];
  readonly leftToSweep: readonly string[];
}

const pageSize = 500;
const progressEvery = 500;
const unread: InvoiceSays = { status: 'unread', read: null };

/** @param since milliseconds since 1970: everything before it is in the ledger */
export async function recoverSince(since: number, tools: RecoveryTools): Promise<Findings> {
  const { temporal, say } = tools;
  const every = (what: string) => (count: number) => {
    if (count % progressEvery === 0) say(`${count} ${what}`);
  };
  await refuseForeignNamespace(tools);
  const runs = await runsSince(temporal, since, every('runs found'));
  const leftToSweep = await addLive(since, runs, tools);
  const decode = decoderOf(temporal);
  const found = await readEvidence(temporal, decode, runs, every('histories read'));
  say(`${found.length} payments have a history since ${new Date(since).toISOString()}.`);
  const [ledger, ofKnownPartners] = await ledgerSays(found, tools);
  const invoices = await invoicesSay(ofKnownPartners, tools);
  const { returns, subjects } = await begunSince(temporal, decode, since);
  const told = await tellLedger(found, returns, ledger, invoices, tools);
  const states = new Map(told.payments.map(({ paymentId, state }) => [paymentId, state]));
  return { ...told, begun: await subjectsAre(subjects, found, states, tools), leftToSweep };
}

/** In another namespace nothing would be found, and the ledger be opened with everything forgotten. */
async function refuseForeignNamespace({ temporal, recovery }: RecoveryTools): Promise<void> {
  const { namespaceInfo } = await temporal.workflowService.describeNamespace({ namespace: temporal.options.namespace });
  const id = namespaceInfo?.id ?? '';
  if (id === '' || !(await recovery.isOurNamespace(id))) {
    throw new Error(
      'This Temporal namespace is not the one that these payments began in: nothing was done. See docs/operating.md, "Another Temporal".',
    );
  }
}

/** @returns those that Temporal does not know */
async function addLive(since: number, runs: Map<string, Run[]>, tools: RecoveryTools): Promise<string[]> {
  const unknown: string[] = [];
  for (let after: string | null = null; ;) {
    const page = await tools.recovery.paymentsToSweep(after, pageSize, { graceMs: 0, holdAgeMs: 0 });
    for (const { paymentId } of page) {
      if (!(await addRunOf(tools.temporal, runs, paymentId, since))) unknown.push(paymentId);
    }
    after = page.at(-1)?.paymentId ?? null;
    if (page.length < pageSize) return unknown;
  }
}

function byPartner(found: readonly Evidence[]): Map<string, Evidence[]> {
  const grouped = new Map<string, Evidence[]>();
  for (const evidence of found) {
    const { partnerId } = evidence.opening;
    grouped.set(partnerId, [...(grouped.get(partnerId) ?? []), evidence]);
  }
  return grouped;
}

/** Besides, which of them are of partners that it knows: nobody else's invoices can be read. */
async function ledgerSays(
  found: readonly Evidence[],
  { recoveries }: RecoveryTools,
): Promise<[ReadonlyMap<string, LedgerSays>, Evidence[]]> {
  const says = new Map<string, LedgerSays>();
  const ofKnownPartners: Evidence[] = [];
  for (const [partnerId, ofPartner] of byPartner(found)) {
    for (let at = 0; at < ofPartner.length; at += pageSize) {
      const page = ofPartner.slice(at, at + pageSize);
      const rows = await recoveries.rows(
        partnerId,
        page.map(({ opening }) => opening.paymentId),
      );
      if (rows === null) break;
      ofKnownPartners.push(...page);
      for (const [id, one] of rows) says.set(id, one);
    }
  }
  return [says, ofKnownPartners];
}

/** Partners side by side: each has an account of its own, or shares its pace. */
async function invoicesSay(
  found: readonly Evidence[],
  { invoices, say }: RecoveryTools,
): Promise<ReadonlyMap<string, InvoiceSays>> {
  const says = new Map<string, InvoiceSays>();
  let count = 0;
  await Promise.all(
    [...byPartner(found)].map(async ([partnerId, ofPartner]) => {
      const ids = [...new Set(ofPartner.map(({ opening }) => opening.invoiceId))];
      const read = await invoices.read(partnerId, ids, (more) => {
        count += more;
        if (count % progressEvery < more) say(`${count} invoices read at Invoicebox`);
      });
      for (const [id, one] of read) says.set(id, one);
    }),
  );
  return says;
}

/** One thing to tell, and when it goes. */
interface Turn {
  readonly turn: number;
  readonly at: number;
  readonly tell: () => Promise<void>;
}

/** One after the other: what gives points back first, then by the time of what took them. */
async function tellLedger(
  found: readonly Evidence[],
  begun: readonly FoundReturn[],
  ledger: ReadonlyMap<string, LedgerSays>,
  invoices: ReadonlyMap<string, InvoiceSays>,
  tools: RecoveryTools,
): Promise<Pick<Findings, 'payments' | 'returns'>> {
  const payments: PaymentReport[] = [];
  const returns: ReturnReport[] = [];
  const toPay = new Set<string>();
  const ofPayments = found.map((evidence): Turn => {
    const says = ledger.get(evidence.opening.paymentId) ?? null;
    const action = recoveryAction(says, evidence);
    if (action.kind === 'pay') toPay.add(evidence.opening.paymentId);
    const invoice = invoices.get(evidence.opening.invoiceId) ?? unread;
    return {
      turn: turnOf(action, evidence),
      at: evidence.held?.at ?? evidence.stateAt,
      tell: async () => {
        payments.push(await tellPayment(evidence, says, action, invoice, tools));
      },
    };
  });
  const ofReturns = begun.map((one): Turn => {
    return {
      turn: turnOfReturn(one.made !== null && toPay.has(one.made.paymentId)),
      at: one.booked?.at ?? one.startedAt,
      tell: async () => {
        returns.push(await tellReturn(one, tools));
      },
    };
  });
  const turns = [...ofPayments, ...ofReturns].sort((one, other) => one.turn - other.turn || one.at - other.at);
  for (const [index, { tell }] of turns.entries()) {
    await tell();
    if ((index + 1) % progressEvery === 0) tools.say(`${index + 1} of ${turns.length} told to the ledger`);
  }
  return { payments, returns };
}

async function tellPayment(
  evidence: Evidence,
  says: LedgerSays | null,
  action: RecoveryAction,
  invoice: InvoiceSays,
  { recoveries, recovery, temporal }: RecoveryTools,
): Promise<PaymentReport> {
  let recovered: Recovered | null = null;
  if (action.kind !== 'nothing' && action.kind !== 'contradiction') {
    recovered = await recoveries.recover(evidence, action, invoice.read);
    if (recovered.outcome === 'recovered' && !isFinal(recovered.state)) {
      const { partnerId, paymentId } = evidence.opening;
      const key = { partnerId, paymentId, epoch: recovered.epoch };
      await takeUp(temporal, recovery, key, { holdAgeMs: null, forgotten: false, at: Date.now() });
    }
  }
  const words = disagreement(action, says, evidence, invoice.status);
  return paymentReport(evidence, says, invoice.status, action, recovered, words);
}

/** One that is yet to be booked is begun again by the Schedule of approved returns (`start-returns`). */
async function tellReturn(found: FoundReturn, { recoveries }: RecoveryTools): Promise<ReturnReport> {
  const { key, made, booked } = found;
  const ledger = await recoveries.subjectState(key.partnerId, 'return', key.returnId);
  const recovered = made === null ? null : await recoveries.recoverReturn(key, made, booked);
  return returnReport(found, ledger, recovered);
}

/** @param states of the payments, as they stand now */
async function subjectsAre(
  subjects: readonly FoundSubject[],
  found: readonly Evidence[],
  states: ReadonlyMap<string, string>,
  { recoveries }: RecoveryTools,
): Promise<SubjectReport[]> {
  const ofBatches = new Map<string, Record<string, number>>();
  for (const { opening } of found) {
    const state = states.get(opening.paymentId);
    if (opening.batchId === null || state === undefined) continue;
    const counts = ofBatches.get(opening.batchId) ?? {};
    ofBatches.set(opening.batchId, { ...counts, [state]: (counts[state] ?? 0) + 1 });
  }
  const reports: SubjectReport[] = [];
  for (const subject of subjects) {
    const { partnerId, kind, id } = subject;
    const ledger = partnerId === null ? null : await recoveries.subjectState(partnerId, kind, id);
    reports.push({ ...subject, ledger, payments: ofBatches.get(id) ?? {} });
  }
  return reports;
}
