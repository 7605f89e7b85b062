/** What must hold at the end of a run, of the three books together: ours, the twin's, the workflows' histories. */
import { setTimeout as pause } from 'node:timers/promises';
import type { WorkflowExecutionDescription, WorkflowHandle } from '@temporalio/client';
import proto from '@temporalio/proto';
import { workflowIdOf } from '../../src/workflows/messages.js';
import type { TwinAccount } from '../../scripts/twin.js';
import { readMembers, readPayments, type PaymentRow } from './books.js';
import { finalStates } from './callers.js';
import { endOf, mayEndSo, type InvoiceEnd } from './ends.js';
import type { Machines } from './machines.js';
import type { Purchase } from './purchase.js';
import { scale } from './scale.js';
import { rate, type Tenant } from './tenants.js';

export interface Finding {
  readonly kind: 'violation' | 'unfinished' | 'unexpected_end';
  /** Null where it is nobody's in particular. */
  readonly purchase: Purchase | null;
  readonly text: string;
}

export interface Verdict {
  readonly findings: readonly Finding[];
  readonly confirmedAtTwin: number;
  readonly paidHere: number;
  readonly inReview: number;
  /** Those in review that the twin has confirmed. */
  readonly inReviewAndConfirmed: number;
  readonly endOf: ReadonlyMap<Purchase, string>;
}

/** The control API tells more than its other users need. */
type TwinConfirmation = TwinAccount['confirmations'][number] & { readonly at: string };

const workflowEndsWithinMs = 30_000;

interface Case {
  readonly purchase: Purchase;
  readonly payments: readonly PaymentRow[];
  readonly confirmations: readonly TwinConfirmation[];
}

const { WorkflowTaskFailedCause } = proto.temporal.api.enums.v1;
const brokenTasks: readonly (number | null | undefined)[] = [
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR,
  WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
];

export async function check(
  machines: Machines,
  tenants: readonly Tenant[],
  purchases: readonly Purchase[],
): Promise<Verdict> {
  const { surety } = machines;
  const findings: Finding[] = [];
  const note = (kind: Finding['kind'], purchase: Purchase | null, text: string) => {
    findings.push({ kind, purchase, text });
  };
  const violates = (purchase: Purchase | null, text: string) => {
    note('violation', purchase, text);
  };

  const rows = await readPayments(surety.admin);
  const accounts = await Promise.all(tenants.map(({ account }) => surety.twin.account(account)));
  const confirmations = accounts.flatMap((account) => account.confirmations as readonly TwinConfirmation[]);
  const cases: Case[] = purchases.map((purchase) => ({
    purchase,
    payments: rows.filter(({ invoiceId }) => invoiceId === purchase.invoiceId),
    confirmations: confirmations.filter(({ invoiceId }) => invoiceId === purchase.invoiceId),
  }));

  for (const violation of await surety.violations()) {
    const owner = cases.find(({ payments }) => payments.some(({ id }) => id === violation.subject));
    violates(owner?.purchase ?? null, `ledger_violation: ${violation.kind} of ${violation.subject}`);
  }
  for (const confirmation of confirmations) {
    const payment = rows.find(({ id }) => id === confirmation.partnerOperationId);
    const owner = cases.find(({ purchase }) => purchase.invoiceId === confirmation.invoiceId)?.purchase ?? null;
    if (payment === undefined)
      violates(owner, `the twin has confirmed ${confirmation.partnerOperationId}, which is no payment of ours`);
  }

  const ends = new Map<Purchase, string>();
  await inParallel(cases, 12, async (the) => {
    for (const complaint of the.purchase.complaints) violates(the.purchase, complaint);
    const payment = the.payments.find(({ state }) => !isUndone(state)) ?? the.payments.at(-1);
    if (payment === undefined) {
      ends.set(the.purchase, 'never opened');
      note('unfinished', the.purchase, `no payment was ever opened (${the.purchase.stage})`);
      return;
    }
    ends.set(the.purchase, endOf(payment));
    const invoice = await readInvoiceEnd(machines, the);
    if (!isOver(payment.state)) note('unfinished', the.purchase, `it still stands in ${endOf(payment)}`);
    else if (!mayEndSo(the.purchase, payment, invoice)) {
      note(
        'unexpected_end',
        the.purchase,
        `it ended ${endOf(payment)}, where ${the.purchase.planned.cell.ends.join(' or ')} is right`,
      );
    }
    for (const row of the.payments) {
      for (const text of [
        ...againstTheTwin(row, the),
        ...pointsAndPrice(row, the.purchase),
        ...returnedExactly(row, the.purchase),
        ...quietTimes(row, the),
        ...eventsOf(row),
        ...(await historyOf(machines, row)),
      ]) {
        violates(the.purchase, text);
      }
    }
    for (const text of toldTruly(the.purchase, payment, the.confirmations.length > 0)) violates(the.purchase, text);
  });

  for (const [index, tenant] of tenants.entries()) {
    const account = accounts[index];
    if (account !== undefined) {
      for (const text of await fundsAgree(machines, tenant, account, cases)) violates(null, text);
    }
  }
  for (const { memberId, credited, captured, returned, available, held } of await readMembers(surety.admin)) {
    if (BigInt(credited) - BigInt(captured) + BigInt(returned) !== BigInt(available) + BigInt(held)) {
      violates(
        null,
        `member ${memberId}: ${credited} credited − ${captured} captured + ${returned} returned ≠ ${available} available + ${held} held`,
      );
    }
  }

  const inReviewAndConfirmed = cases.filter(
    ({ payments, confirmations: theirs }) => theirs.length > 0 && payments.some(({ state }) => state === 'in_review'),
  ).length;
  const paidHere = rows.filter(({ state }) => state === 'paid').length;
  if (confirmations.length !== paidHere + inReviewAndConfirmed) {
    violates(
      null,
      `${confirmations.length} confirmed at the twin, but ${paidHere} paid here and ${inReviewAndConfirmed} in review`,
    );
  }
  return {
    findings,
    confirmedAtTwin: confirmations.length,
    paidHere,
    inReview: rows.filter(({ state }) => state === 'in_review').length,
    inReviewAndConfirmed,
    endOf: ends,
  };
}

const isUndone = (state: string) => state === 'declined' || state === 'expired' || state === 'cancelled';
const isOver = (state: string) => finalStates.includes(state) || state === 'in_review';

async function readInvoiceEnd({ surety }: Machines, { purchase, confirmations }: Case): Promise<InvoiceEnd> {
  const { status, amountMinor, currency, ...rest } = await surety.twin.readInvoice(purchase.invoiceId);
  const expiresAt = 'expiresAt' in rest && typeof rest.expiresAt === 'string' ? Date.parse(rest.expiresAt) : Infinity;
  return {
    confirmed: confirmations.length > 0,
    status,
    isExpired: expiresAt <= Date.now(),
    isEdited: amountMinor !== purchase.amountMinor || currency !== 'RUB',
  };
}

/** Paid at the twin under our operation and paid here are the same thing, with the same facts. */
function againstTheTwin(payment: PaymentRow, { purchase, confirmations }: Case): string[] {
  const ours = confirmations.filter(({ partnerOperationId }) => partnerOperationId === payment.id);
  const [confirmation] = ours;
  if (ours.length > 1) return [`the twin has confirmed it ${ours.length} times`];
  if (payment.state !== 'paid') {
    if (confirmation === undefined || payment.state === 'in_review') return [];
    return [`the twin has confirmed ${payment.id}, which is ${endOf(payment)} here`];
  }
  if (confirmation === undefined) return [`${payment.id} is paid here, the twin knows nothing of it`];
  const wrong: string[] = [];
  if (confirmation.transactionId !== payment.transactionId) {
    wrong.push(`transaction ${payment.transactionId ?? 'none'} here, ${confirmation.transactionId} at the twin`);
  }
  if (confirmation.currency !== payment.currency)
    wrong.push(`currency ${payment.currency ?? ''} ≠ ${confirmation.currency}`);
  if (confirmation.amountMinor !== payment.drawnMinor && !isInTheStatedWindow(purchase)) {
    wrong.push(`${payment.drawnMinor} drawn here, ${confirmation.amountMinor} at the twin`);
  }
  return wrong;
}

/** Edited after the last read and within its freshness: the call carries no amount (docs/guarantees.md). */
const isInTheStatedWindow = ({ planned: { cell } }: Purchase) => cell.between === 'edited' && cell.caller === null;

function pointsAndPrice(payment: PaymentRow, { tenant }: Purchase): string[] {
  if (payment.state !== 'paid') {
    const moved = payment.pointsCaptured !== 0 || payment.drawnMinor !== 0;
    return moved
      ? [`${payment.pointsCaptured} points and ${payment.drawnMinor} were taken of a payment that is ${payment.state}`]
      : [];
  }
  const wrong: string[] = [];
  const price = tenant.scheme === 'loyalty' ? priceOf(payment.drawnMinor) : 0n;
  if (BigInt(payment.pointsCaptured) !== price) {
    wrong.push(`${payment.pointsCaptured} points were captured, ${price} is the price of ${payment.drawnMinor}`);
  }
  if (
    tenant.scheme === 'loyalty' &&
    (payment.seenAmountMinor !== payment.drawnMinor || payment.seenPoints !== payment.pointsCaptured)
  ) {
    wrong.push(
      `its buyer saw ${payment.seenAmountMinor ?? 'nothing'} for ${payment.seenPoints ?? 0} points, and paid ${payment.drawnMinor} for ${payment.pointsCaptured}`,
    );
  }
  return wrong;
}

function priceOf(amountMinor: number): bigint {
  const [numerator, denominator] = [BigInt(rate.numerator), BigInt(rate.denominator)];
  return (BigInt(amountMinor) * numerator + denominator - 1n) / denominator;
}

/** After a call of unknown outcome none begins before the quiet time is over, unless the invoice was paid by then. */
function quietTimes({ attempts }: PaymentRow, { purchase, confirmations }: Case): string[] {
  const paidElsewhere =
    purchase.planned.cell.between === 'paid_elsewhere' || purchase.planned.cell.whenUnknown === 'paid_elsewhere';
  return attempts.flatMap((attempt, index) => {
    const before = attempts[index - 1];
    if (before === undefined || before.class === 'not_executed' || paidElsewhere) return [];
    const quietMs = attempt.startedAt - (before.finishedAt ?? before.startedAt);
    const paidAt = Math.min(...confirmations.map(({ at }) => Date.parse(at)));
    return quietMs >= scale.timings.quietMs || paidAt <= attempt.startedAt
      ? []
      : [`call ${attempt.n} began ${Math.round(quietMs)} ms after call ${before.n} of unknown outcome`];
  });
}

/** What was asked to be given back is back, whole: nothing else is. */
function returnedExactly(payment: PaymentRow, { returnIds }: Purchase): string[] {
  const [money, points] = returnIds.length > 0 ? [payment.drawnMinor, payment.pointsCaptured] : [0, 0];
  return payment.returnedMinor === money && payment.returnedPoints === points
    ? []
    : [
        `${payment.returnedMinor} and ${payment.returnedPoints} points of ${payment.id} were returned, not ${money} and ${points}`,
      ];
}

const saysNoState: readonly string[] = [
  ...['payment.resumed', 'payment.requoted', 'fund.difference'],
  ...['payment.return_requested', 'payment.return_approved', 'payment.returned'],
];

function eventsOf({ id, state, events }: PaymentRow): string[] {
  const wrong: string[] = [];
  if (events.some(({ seq }, index) => seq !== index + 1)) {
    wrong.push(`events of ${id} are numbered ${events.map(({ seq }) => seq).join(', ')}`);
  }
  if (events.filter(({ type }) => type === 'payment.paid').length > (state === 'paid' ? 1 : 0)) {
    wrong.push(`payment.paid is told too often of ${id}, which is ${state}`);
  }
  // These say something else than a state.
  const last = events.findLast(({ type }) => !saysNoState.includes(type));
  if (isOver(state) && last?.type !== `payment.${state}`) {
    wrong.push(`the last event of ${id} is ${last?.type ?? 'none'}, its state is ${state}`);
  }
  return wrong;
}

/** A final payment's workflow has completed with its state; one in review is still being worked on by a single run. */
async function historyOf({ client }: Machines, { id, state }: PaymentRow): Promise<string[]> {
  const handle = client.workflow.getHandle(workflowIdOf(id));
  const wrong: string[] = [];
  let described: WorkflowExecutionDescription;
  try {
    described = await describedAtRest(handle, state);
  } catch (error) {
    return [`${id} is ${state}, and its workflow: ${String(error)}`];
  }
  const { status } = described;
  if (state === 'in_review') {
    if (status.name !== 'RUNNING') wrong.push(`${id} is in review, its workflow is ${status.name}`);
  } else if (finalStates.includes(state)) {
    if (status.name !== 'COMPLETED') wrong.push(`${id} is ${state}, its workflow is ${status.name}`);
    else {
      const result = (await handle.result()) as { state: string };
      if (result.state !== state) wrong.push(`${id} is ${state}, its workflow says ${result.state}`);
    }
  }
  const { events } = await handle.fetchHistory();
  for (const { workflowTaskFailedEventAttributes: failed } of events ?? []) {
    if (failed && brokenTasks.includes(failed.cause)) {
      wrong.push(`a workflow task of ${id} failed: ${failed.failure?.message ?? String(failed.cause)}`);
    }
  }
  return wrong;
}

/** The ledger is told first: the workflow's own last task may still be on its way, to another worker even. */
async function describedAtRest(handle: WorkflowHandle, state: string): Promise<WorkflowExecutionDescription> {
  const deadline = performance.now() + workflowEndsWithinMs;
  for (;;) {
    const described = await handle.describe();
    if (state === 'in_review' || described.status.name !== 'RUNNING' || performance.now() > deadline) return described;
    await pause(250);
  }
}

/** What a caller was told never turns out to be a lie. */
function toldTruly({ told }: Purchase, { id, state }: PaymentRow, confirmedAtTwin: boolean): string[] {
  const finals = [...new Set(told.map((answer) => answer.state).filter((said) => finalStates.includes(said)))];
  const wrong: string[] = [];
  if (finals.length > 1) wrong.push(`callers were told ${finals.join(', then ')} of ${id}`);
  for (const final of finals) {
    if (final !== state) wrong.push(`a caller was told that ${id} is ${final}; it is ${state}`);
    if (final !== 'paid' && confirmedAtTwin) wrong.push(`a caller was told ${final} of what is paid at the twin`);
  }
  return wrong;
}

async function fundsAgree(
  { surety }: Machines,
  tenant: Tenant,
  account: TwinAccount,
  cases: readonly Case[],
): Promise<string[]> {
  const ours = (await surety.ledger.fundBalance(tenant.partnerId)).find(({ currency }) => currency === 'RUB');
  const theirs = account.funds.find(({ currency }) => currency === 'RUB');
  const known = cases
    .filter(({ purchase }) => purchase.tenant === tenant)
    .flatMap(({ payments, confirmations }) =>
      confirmations.map((confirmation) => {
        const payment = payments.find(({ id }) => id === confirmation.partnerOperationId);
        // In review: not drawn yet. In the stated window: drawn at what was seen.
        return confirmation.amountMinor - (payment?.drawnMinor ?? 0);
      }),
    )
    .reduce((sum, difference) => sum + difference, 0);
  const difference = (theirs?.drawnMinor ?? 0) - (ours?.drawnMinor ?? 0);
  return difference === known
    ? []
    : [
        `fund of ${account.id}: the twin has drawn ${theirs?.drawnMinor ?? 0}, we ${ours?.drawnMinor ?? 0}, and ${known} is explained`,
      ];
}

async function inParallel<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = [...items];
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
