/** A history's events, decoded as the workers wrote them, as what recovery goes by (src/domain/evidence.ts). */
import type { Client } from '@temporalio/client';
import { decodeArrayFromPayloads, loadDataConverter } from '@temporalio/common/lib/internal-non-workflow/index.js';
import type proto from '@temporalio/proto';
import type { ConfirmOutcome, QuoteAnswer } from '../activities/invoicebox.js';
import type { Called, Opening, Recorded, Word } from '../domain/evidence.js';
import type { PaymentState, Scheme } from '../domain/payment.js';
import {
  confirmPaymentSignal,
  confirmUpdate,
  resumedWorkflow,
  searchAttributes,
  workflowNames,
  type OpenOrganisationPayment,
  type PaymentAnswer,
  type ResumePayment,
} from '../workflows/messages.js';
import { readConfirmation } from '../workflows/readMessages.js';

export type HistoryEvent = proto.temporal.api.history.v1.IHistoryEvent;
type Payloads = proto.temporal.api.common.v1.IPayloads | null | undefined;

/** The first value of what is kept somewhere in a history; undefined where nothing is. */
export type Decode = (payloads: Payloads) => Promise<unknown>;

export function decoderOf(client: Client): Decode {
  const converter = loadDataConverter(client.options.dataConverter);
  return async (payloads) => (await decodeArrayFromPayloads(converter, payloads?.payloads))[0];
}

/** Milliseconds since 1970. */
export function timeOf({ eventTime }: HistoryEvent): number {
  return Number(eventTime?.seconds ?? 0) * 1_000 + Math.floor((eventTime?.nanos ?? 0) / 1_000_000);
}

/** What an activity was asked, by the event that ordered it. */
interface Ordered {
  readonly name: string;
  readonly ticket: string | null;
}

const localActivity = 'core_local_activity';

/** A step of the ledger, by the name of its local activity, and what it answered. */
interface Step {
  readonly name: string;
  readonly result: unknown;
}

/** @returns null where the event is another */
export async function stepIn(event: HistoryEvent, decode: Decode): Promise<Step | null> {
  const marker = event.markerRecordedEventAttributes;
  if (marker?.markerName !== localActivity || marker.failure) return null;
  const about = (await decode(marker.details?.['data'])) as { activity_type: string };
  return { name: about.activity_type, result: await decode(marker.details?.['result']) };
}

/** @returns nothing for what is no payment's; in the order of the history */
export async function recordedIn(events: readonly HistoryEvent[], decode: Decode): Promise<Recorded[]> {
  const orders = new Map<string, Ordered>();
  const recorded: Recorded[] = [];
  for (const event of events) {
    const at = timeOf(event);
    const found = await readEvent(event, at, orders, decode);
    if (found !== null) recorded.push(found);
  }
  return recorded;
}

async function readEvent(
  event: HistoryEvent,
  at: number,
  orders: Map<string, Ordered>,
  decode: Decode,
): Promise<Recorded | null> {
  const started = event.workflowExecutionStartedEventAttributes;
  if (started) return readStart(started.workflowType?.name ?? '', await decode(started.input), at);

  const update = event.workflowExecutionUpdateAcceptedEventAttributes?.acceptedRequest?.input;
  if (update) return update.name === confirmUpdate.name ? readWord(await decode(update.args), at) : null;
  const signal = event.workflowExecutionSignaledEventAttributes;
  if (signal) return signal.signalName === confirmPaymentSignal.name ? readWord(await decode(signal.input), at) : null;

  const ordered = event.activityTaskScheduledEventAttributes;
  if (ordered) {
    const name = ordered.activityType?.name ?? '';
    const ticket = name === 'confirmInvoice' ? ((await decode(ordered.input)) as { ticket: string }).ticket : null;
    orders.set(String(event.eventId), { name, ticket });
    return ticket === null ? null : { kind: 'ordered', at, ticket };
  }
  const completed = event.activityTaskCompletedEventAttributes;
  if (completed) return readAnswer(orders.get(String(completed.scheduledEventId)), await decode(completed.result), at);
  const broken =
    event.activityTaskFailedEventAttributes ??
    event.activityTaskTimedOutEventAttributes ??
    event.activityTaskCanceledEventAttributes;
  if (broken) {
    const ticket = orders.get(String(broken.scheduledEventId))?.ticket ?? null;
    return ticket === null ? null : { kind: 'called', at, ticket, called: { kind: 'lost' } };
  }

  const step = await stepIn(event, decode);
  if (step !== null) return readStep(step, at);
  const state =
    event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes?.indexedFields?.[
      searchAttributes.paymentState.name
    ];
  if (state) return { kind: 'state', at, state: (await decode({ payloads: [state] })) as PaymentState, reason: null };
  const told = event.workflowExecutionUpdateCompletedEventAttributes?.outcome?.success;
  if (told) return readTold(await decode(told), at);
  const ended = event.workflowExecutionCompletedEventAttributes?.result;
  return ended ? readTold(await decode(ended), at) : null;
}

function readStart(type: string, input: unknown, at: number): Recorded | null {
  const scheme = (Object.keys(workflowNames) as Scheme[]).find((one) => workflowNames[one] === type);
  if (scheme === undefined && type !== resumedWorkflow) return null;
  const { partnerId, paymentId, invoiceId, epoch, policy, opened, ...more } = input as ResumePayment &
    OpenOrganisationPayment;
  const opening: Opening = {
    ...{ partnerId, paymentId, invoiceId, epoch, policy, scheme: scheme ?? more.scheme },
    ...{ by: opened?.by ?? null, memberId: opened?.memberId ?? null, batchId: opened?.batchId ?? null },
  };
  return {
    kind: 'started',
    at,
    opening,
    quote: more.quote ?? null,
    resumed: scheme === undefined ? more.resumed : null,
  };
}

/** A message may come from anybody with a Temporal client: what is malformed was not listened to. */
function readWord(message: unknown, at: number): Recorded | null {
  const confirmation = readConfirmation(message);
  if (confirmation === null) return null;
  const { memberId, seen, actor, confirmationId } = confirmation;
  return { kind: 'word', at, word: { memberId, seen, actor, confirmationId } };
}

function readAnswer(order: Ordered | undefined, result: unknown, at: number): Recorded | null {
  if (order?.name === 'readInvoiceAndQuote') {
    const answer = result as QuoteAnswer;
    return answer.kind === 'quoted' ? { kind: 'quoted', at, quote: answer.quote } : null;
  }
  if (order === undefined || order.ticket === null) return null;
  return { kind: 'called', at, ticket: order.ticket, called: calledBy(result as ConfirmOutcome) };
}

function calledBy(outcome: ConfirmOutcome): Called {
  switch (outcome.kind) {
    case 'answered':
      return { kind: 'answered', n: outcome.n, meaning: outcome.meaning, requestId: outcome.requestId };
    case 'stale':
    case 'prove':
    case 'superseded':
    case 'over':
      return { kind: 'not_sent' };
  }
}

interface StepAnswer {
  readonly outcome: string;
  readonly state?: PaymentState;
  readonly reason?: string | null;
  readonly released?: boolean;
  readonly confirmation?: Word;
}

/** What the ledger answered to a step of the saga. What changed nothing is left out. */
function readStep({ name, result }: Step, at: number): Recorded | null {
  const { outcome, state, reason = null, released = false, confirmation = null } = (result ?? {}) as StepAnswer;
  switch (`${name} ${outcome}`) {
    case 'holdPointsAndReserveFund held':
    case 'holdPointsAndReserveFund already_held':
      return { kind: 'held', at, word: confirmation };
    case 'fenceConfirm started':
    case 'fenceConfirm not_started':
      return { kind: 'fenced', at, begun: outcome === 'started' };
    case 'capturePointsAndDrawFund captured':
    case 'capturePointsAndDrawFund already_captured':
    case 'capturePointsAndDrawFund captured_late':
      return { kind: 'captured', at, isLate: outcome === 'captured_late' };
    case 'closePayment closed':
      return { kind: 'closed', at };
    case 'closePayment already_closed':
      return state === undefined ? null : { kind: 'state', at, state, reason };
    case 'noteUnproven noted':
      // A release before says no more than that it was noted: the index tells the state.
      return state === undefined ? null : { kind: 'unproven', at, state, reason: reason ?? '', released };
    case 'resolvePayment resolved':
      return state === undefined ? null : { kind: 'resolved', at, state, reason };
    default:
      return null;
  }
}

/** What a message was answered with, or the whole run: how the payment stood then. A resolution's answer is another shape. */
function readTold(answer: unknown, at: number): Recorded | null {
  const { state, reason = null } = (answer ?? {}) as Partial<PaymentAnswer>;
  return state === undefined || 'read' in (answer as object) ? null : { kind: 'state', at, state, reason };
}
