/** What a recovery has found and done, for a person and for the record: ids, states, codes and sums alone. */
import type { Evidence } from '../domain/evidence.js';
import type { LedgerSays, RecoveryAction } from '../domain/recovery.js';
import type { Recovered, RecoveredReturn } from '../ledger/recoveries.js';
import type { FoundReturn, FoundSubject } from './begun.js';

export interface PaymentReport {
  readonly paymentId: string;
  readonly partnerId: string;
  readonly invoiceId: string;
  /** What each of the three said: before anything was done. */
  readonly ledger: string;
  readonly temporal: string;
  readonly invoicebox: string;
  readonly did: string;
  readonly state: string;
  readonly points: string;
  /** Why a person should look; null: all agree now. */
  readonly difference: string | null;
}

export interface ReturnReport {
  readonly returnId: string;
  readonly partnerId: string;
  /** Null: its history is of a release that did not say. */
  readonly paymentId: string | null;
  readonly amountMinor: number | null;
  /** Before anything was done. */
  readonly ledger: string;
  readonly temporal: 'returned' | 'approved';
  readonly state: string;
  /** What it gave back now. */
  readonly points: number | null;
  readonly difference: string | null;
}

export interface SubjectReport extends FoundSubject {
  /** Null: it is not in the ledger. */
  readonly ledger: string | null;
  /** How many payments of a batch are in the report, by how they stand now. */
  readonly payments: Readonly<Record<string, number>>;
}

export interface RecoveryReport {
  readonly lostSince: string;
  readonly payments: readonly PaymentReport[];
  readonly returns: readonly ReturnReport[];
  /** Batches and imports that were at work since: lost, or standing where they stood. */
  readonly begun: readonly SubjectReport[];
  /** Live in the ledger, and unknown to Temporal: the sweep takes them up. */
  readonly leftToSweep: readonly string[];
  readonly violations: number;
}

export function paymentReport(
  evidence: Evidence,
  ledger: LedgerSays | null,
  invoicebox: string,
  action: RecoveryAction,
  recovered: Recovered | null,
  disagreement: string | null,
): PaymentReport {
  const { paymentId, partnerId, invoiceId } = evidence.opening;
  return {
    ...{ paymentId, partnerId, invoiceId, invoicebox },
    ledger: ledger?.state ?? 'nothing',
    temporal: evidence.state,
    did: action.kind,
    state: recovered !== null && 'state' in recovered ? recovered.state : (ledger?.state ?? 'nothing'),
    points: recovered?.outcome === 'recovered' ? recovered.points : 'none',
    difference: differenceOf(action, recovered) ?? disagreement,
  };
}

function differenceOf(action: RecoveryAction, recovered: Recovered | null): string | null {
  if (action.kind === 'contradiction') return action.why;
  switch (recovered?.outcome) {
    case undefined:
    case 'over':
      return null;
    case 'recovered':
      return recovered.points === 'missing'
        ? 'its points are not in the restored books: send the credits again, then `npm run recover -- --points`'
        : null;
    case 'other_payment':
      return `its invoice belongs to payment ${recovered.paymentId} in the ledger: nothing was booked`;
    case 'unknown_partner':
      return 'its partner is not in the ledger: nothing was booked';
    case 'unknown_sum':
      return 'no history tells its sum: nothing was booked';
  }
}

export function returnReport(
  { key, made, booked }: FoundReturn,
  ledger: string | null,
  recovered: RecoveredReturn | null,
): ReturnReport {
  const { partnerId, returnId } = key;
  const isTold = recovered?.outcome === 'recovered' || recovered?.outcome === 'known';
  const before = ledger ?? 'nothing';
  return {
    ...{ returnId, partnerId, paymentId: made?.paymentId ?? null, amountMinor: made?.amountMinor ?? null },
    ...{
      ledger: before,
      temporal: booked === null ? 'approved' : 'returned',
      state: isTold ? recovered.state : before,
    },
    points: recovered?.outcome === 'recovered' ? recovered.points : null,
    difference: differenceOfReturn(before, recovered),
  };
}

function differenceOfReturn(ledger: string, recovered: RecoveredReturn | null): string | null {
  if (recovered === null)
    return ledger === 'returned' ? null : 'its history does not tell its sum: ask for it again by its reference';
  switch (recovered.outcome) {
    case 'recovered':
    case 'known':
      return null;
    case 'not_paid':
      return `its payment is ${recovered.state} in the ledger: once that is paid, ask for it again by its reference`;
    case 'too_much':
      return `only ${recovered.leftMinor} of its payment is left: nothing was booked`;
    case 'other_return':
      return `its reference was asked for anew, as return ${recovered.returnId}: nothing was booked`;
    case 'unknown_partner':
      return 'its partner is not in the ledger: nothing was booked';
    case 'unknown_payment':
      return 'its payment is not in the ledger: nothing was booked';
  }
}

/** What its partner does about it, who has the rest. */
const sentAgain = {
  batch: 'lost: open it again by the same filter or invoices, what is paid is skipped',
  import: 'lost: send the same file again, each line counts once',
  return: 'lost: ask for it again by its reference',
} as const;

/** Lines for the terminal. */
export function told(report: RecoveryReport): string[] {
  const { payments, returns, begun, leftToSweep, violations } = report;
  const changed = payments.filter(({ did }) => did !== 'nothing');
  const differing = [...payments, ...returns].filter(({ difference }) => difference !== null);
  const lost = begun.filter(({ ledger }) => ledger === null);
  return [
    `Since ${report.lostSince}: ${payments.length} payments, of which ${changed.length} were told to the ledger.`,
    ...payments.map(
      ({ paymentId, ledger, temporal, invoicebox, did, state, points, difference }) =>
        `  ${paymentId}  ledger ${ledger}, Temporal ${temporal}, Invoicebox ${invoicebox}: ${did}, now ${state}${points === 'none' ? '' : `, points ${points}`}${difference === null ? '' : `  ! ${difference}`}`,
    ),
    ...returns.map(
      ({ returnId, paymentId, ledger, temporal, state, points, difference }) =>
        `  return ${returnId} of ${paymentId ?? 'a payment'}  ledger ${ledger}, Temporal ${temporal}: now ${state}${points === null ? '' : `, points ${points}`}${difference === null ? '' : `  ! ${difference}`}`,
    ),
    ...(leftToSweep.length === 0
      ? []
      : [`Left to the sweep, since Temporal knows nothing of them: ${leftToSweep.join(', ')}`]),
    ...begun.map(({ kind, id, partnerId, startedAt, told: said, payments: its, ledger }) =>
      [
        `  ${kind} ${id} of partner ${partnerId ?? 'unknown'}, begun ${new Date(startedAt).toISOString()}`,
        ledger === null ? `! ${sentAgain[kind]}` : `in the ledger ${ledger}`,
        `Temporal: ${JSON.stringify(said ?? null)}`,
        ...(Object.keys(its).length === 0 ? [] : [`its payments above: ${JSON.stringify(its)}`]),
      ].join('; '),
    ),
    `${differing.length} differences for a person, ${lost.length} lost, ${violations} violations of the ledger.`,
    'No history tells of credits, deposits, corrections, keys, settings, endpoints and members made since: partners send theirs again (a reference counts once), see docs/backup.md.',
  ];
}
