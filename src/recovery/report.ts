/** What a recovery has found and done, for a person and for the record: ids, states, codes and sums alone. */
import type { Evidence } from '../domain/evidence.js';
import type { LedgerSays, RecoveryAction } from '../domain/recovery.js';
import type { Recovered } from '../ledger/recoveries.js';
import type { FoundSubject } from './found.js';

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

export interface SubjectReport extends FoundSubject {
  /** Null: it is not in the ledger. */
  readonly ledger: string | null;
}

export interface RecoveryReport {
  readonly lostSince: string;
  readonly payments: readonly PaymentReport[];
  /** Batches, imports and returns that were begun since: lost, or standing where they stood. */
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

/** Lines for the terminal. */
export function told(report: RecoveryReport): string[] {
  const { payments, begun, leftToSweep, violations } = report;
  const changed = payments.filter(({ did }) => did !== 'nothing');
  const differing = payments.filter(({ difference }) => difference !== null);
  const lost = begun.filter(({ ledger }) => ledger === null);
  return [
    `Since ${report.lostSince}: ${payments.length} payments, of which ${changed.length} were told to the ledger.`,
    ...payments.map(
      ({ paymentId, ledger, temporal, invoicebox, did, state, points, difference }) =>
        `  ${paymentId}  ledger ${ledger}, Temporal ${temporal}, Invoicebox ${invoicebox}: ${did}, now ${state}${points === 'none' ? '' : `, points ${points}`}${difference === null ? '' : `  ! ${difference}`}`,
    ),
    ...(leftToSweep.length === 0
      ? []
      : [`Left to the sweep, since Temporal knows nothing of them: ${leftToSweep.join(', ')}`]),
    ...begun.map(({ kind, id, partnerId, startedAt, told: said, ledger }) =>
      [
        `  ${kind} ${id} of partner ${partnerId ?? 'unknown'}, begun ${new Date(startedAt).toISOString()}`,
        ledger === null ? '! lost' : `in the ledger ${ledger}`,
        `Temporal: ${JSON.stringify(said ?? null)}`,
      ].join('; '),
    ),
    `${differing.length} differences for a person, ${lost.length} lost, ${violations} violations of the ledger.`,
    'No history tells of credits, deposits, corrections, keys, settings, endpoints and members made since: partners send theirs again (a reference counts once), see docs/backup.md.',
  ];
}
