/**
 * A run of reconciliation, as far as Postgres alone is needed: statements are taken in, their lines matched with the books, and
 * what disagrees is kept. Each step is a commit of its own and knows from the rows how far it is, so whoever takes over from a
 * lost worker goes on where the last commit was.
 */
import { CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import type { QuotaShare } from '../domain/quota.js';
import type { Finding, Reconciliations } from '../ledger/reconciliations.js';
import type { Statements } from '../ledger/statements.js';
import { quotaShareOf } from '../partnerSettings.js';
import { scheduledAt } from './clock.js';
import type { Partners } from './partners.js';

export interface PartnerOrder {
  readonly partnerId: string;
}

/** What a run did and found, in numbers; told with the run. */
export type RunResult = Readonly<Record<string, number>>;

/** Lines a transaction: each a fraction of a second. */
const linesAtOnce = 20_000;
/** More than so many differences are no differences but a wrong mapping: nobody could look at them. */
const mostFindings = 10_000;
const dayMs = 86_400_000;

/** Whether invoices are to be read, and whose quota that takes. */
export interface EndedPayments {
  readonly areDue: boolean;
  readonly quota?: QuotaShare;
}

export function createReconcileActivities(
  statements: Statements,
  reconciliations: Reconciliations,
  partners: Partners,
) {
  return {
    /** @returns the run to do; null: none is wanted */
    async beginReconciliation({ partnerId }: PartnerOrder): Promise<string | null> {
      return (await reconciliations.begin(partnerId, scheduledAt()))?.reconciliationId ?? null;
    },

    async compareStatements({ partnerId }: PartnerOrder): Promise<RunResult> {
      await takeAll(partnerId);
      const matchedLines = await matchAll(partnerId);
      const { findings, linesInFlight } = await findAll(partnerId);
      // Found now, whenever this was ordered: a month of lines takes a while.
      const settled = await reconciliations.settle(partnerId, findings, Date.now());
      return {
        matchedLines,
        linesInFlight,
        openedDifferences: settled.opened,
        closedDifferences: settled.closed,
      };
    },

    async findEndedPayments({ partnerId }: PartnerOrder): Promise<EndedPayments> {
      const at = scheduledAt();
      while ((await reconciliations.discover(partnerId, linesAtOnce, at)) === linesAtOnce) beat();
      const { settings } = await partners.get(partnerId);
      return { areDue: (await reconciliations.due(partnerId, 1, at)).length > 0, ...quotaShareOf(settings) };
    },

    async endReconciliation(order: {
      partnerId: string;
      reconciliationId: string;
      failure: string | null;
      result: RunResult;
    }): Promise<void> {
      await reconciliations.end(order.partnerId, order.reconciliationId, order, scheduledAt());
    },
  };

  async function takeAll(partnerId: string): Promise<void> {
    while ((await statements.take(partnerId, linesAtOnce)).outcome !== 'nothing') beat();
    while ((await statements.clear(partnerId, linesAtOnce)) > 0) beat();
  }

  async function matchAll(partnerId: string): Promise<number> {
    let matched = 0;
    for (const by of ['transaction', 'operation'] as const) {
      for (let after: number | null = 0; after !== null;) {
        const walked: Awaited<ReturnType<typeof reconciliations.matchById>> = await reconciliations.matchById(
          partnerId,
          by,
          after,
          linesAtOnce,
        );
        matched += walked.matched;
        after = walked.after;
        beat();
      }
    }
    matched += await reconciliations.matchByReference(partnerId);
    for (let after: string | null = ''; after !== null;) {
      const walked: Awaited<ReturnType<typeof reconciliations.matchByInvoice>> = await reconciliations.matchByInvoice(
        partnerId,
        after,
        linesAtOnce,
      );
      matched += walked.matched;
      after = walked.after;
      beat();
    }
    return matched;
  }

  async function findAll(partnerId: string): Promise<{ findings: Finding[]; linesInFlight: number }> {
    const ofLines = await reconciliations.lineFindings(partnerId, mostFindings + 1);
    // By what they are about: periods may overlap.
    const findings = new Map(ofLines.findings.map((finding) => [`${finding.subject} ${finding.kind}`, finding]));
    for (const { from, to } of await reconciliations.periods(partnerId)) {
      const end = Date.parse(to);
      for (let start = Date.parse(from); start < end; start += dayMs) {
        const until = Math.min(start + dayMs, end);
        for (const finding of await reconciliations.entryFindings(partnerId, start, until, mostFindings + 1)) {
          findings.set(`${finding.subject} ${finding.kind}`, finding);
        }
        if (findings.size > mostFindings) break;
        beat();
      }
    }
    if (findings.size > mostFindings) {
      while ((await statements.reject(partnerId, linesAtOnce)) > 0) beat();
      throw ApplicationFailure.nonRetryable(
        `More than ${mostFindings} differences: the mapping does not fit the statement, which is taken back. None was opened.`,
        'too_many_differences',
      );
    }
    return { findings: [...findings.values()], linesInFlight: ofLines.inFlight };
  }
}

/** Says that the run goes on, and stops it between two commits where the worker is to stop. */
function beat(): void {
  Context.current().heartbeat();
  if (Context.current().cancellationSignal.aborted) throw new CancelledFailure('the worker is stopping');
}
