/** A batch's steps in Postgres and Temporal: takes stock, starts payments, pauses, ends. What it is at is the ledger's to say. */
import { Context } from '@temporalio/activity';
import { WorkflowExecutionAlreadyStartedError, type Client } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import type { PaymentPolicy } from '../domain/payment.js';
import type { QuotaShare } from '../domain/quota.js';
import type { Batches, BatchStock } from '../ledger/batches.js';
import { policyOf, type PartnerSettings } from '../partnerSettings.js';
import { paymentStart, workflowNames, type BatchKey, type OpenOrganisationPayment } from '../workflows/messages.js';
import { scheduledAt } from './clock.js';
import type { Partners } from './partners.js';

/** Of the account's quota, so much may be under way: with invoices that have to be read again, each a second request. */
const inFlightMs = 30_000;
const quotaWindowMs = 30_000;
/** How many payments are opened and started at once. */
const lanes = 8;
const paceMs = 3_000;
const leastPaceMs = 100;

/** What there is to do, and how much of it. */
export interface BatchTask extends BatchStock {
  /** How many payments may be started now. */
  readonly room: number;
  readonly pageSize: number;
  /** A list's read is worth so much, when its payment is started. */
  readonly freshMs: number;
  /** How long to wait before looking again. */
  readonly paceMs: number;
  readonly quota: QuotaShare;
}

export interface BatchStarts {
  readonly started: number;
  readonly skipped: number;
  /** Why no more should be started. */
  readonly pause: string | null;
}

export function createBatchActivities(batches: Batches, partners: Partners, client: Client) {
  return {
    async takeBatchStock(key: BatchKey, tells: boolean): Promise<BatchTask | null> {
      const { settings } = await partners.get(key.partnerId);
      const { pageSize, requestsPer30s } = settings.invoiceboxOptions;
      const most = Math.max(1, Math.floor((requestsPer30s * inFlightMs) / quotaWindowMs));
      const freshMs = freshMsOf(settings);
      const stock = await batches.stock(key, freshMs, most, tells, scheduledAt());
      if (stock === null) return null;
      return {
        ...stock,
        ...{ room: Math.max(0, most - stock.inFlight), pageSize, freshMs, quota: batchPolicy(settings).quota ?? {} },
        paceMs: Math.max(leastPaceMs, Math.round(paceMs * settings.timings.waitScale)),
      };
    },

    /** Opens the next payments that are ready, at most so many, and starts their workflows. */
    async startBatchPayments(key: BatchKey, limit: number): Promise<BatchStarts> {
      const at = scheduledAt();
      const { settings } = await partners.get(key.partnerId);
      const [policy, freshMs] = [batchPolicy(settings), freshMsOf(settings)];
      const waiting = (await batches.next(key, 'ready', freshMs, limit)).values();
      const done: { started: number; skipped: number; pause: string | null } = { started: 0, skipped: 0, pause: null };
      const lane = async (): Promise<void> => {
        for (const invoiceId of waiting) {
          if (done.pause !== null) return;
          const opened = await batches.start(key, invoiceId, uuidv7(), policy, freshMs, at);
          switch (opened.outcome) {
            case 'started': {
              const { paymentId, epoch, openedBy, quote } = opened;
              const opener = { by: openedBy, memberId: null, batchId: key.batchId };
              const known = quote === null ? {} : { quote: { ...quote, points: 0, pricedAt: quote.readAt } };
              await start({
                ...{ partnerId: key.partnerId, paymentId, epoch, invoiceId, policy, startedAt: at },
                ...{ opened: opener, ...known },
              });
              done.started += 1;
              break;
            }
            case 'skipped':
              done.skipped += 1;
              break;
            case 'pause':
              done.pause ??= opened.reason;
              break;
            case 'not_waiting':
              break;
          }
          Context.current().heartbeat();
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      return done;
    },

    async pauseBatch(key: BatchKey, reason: string): Promise<void> {
      await batches.change(key, 'pause', reason, scheduledAt());
    },

    async endBatch(key: BatchKey): Promise<'ended' | 'not_yet'> {
      return (await batches.end(key, scheduledAt())).outcome;
    },
  };

  /** A payment whose workflow cannot be started now is the sweeper's to take up: it is open in the ledger. */
  async function start(input: OpenOrganisationPayment): Promise<void> {
    try {
      await client.workflow.start(workflowNames.organisation, {
        ...paymentStart(input, 'opening'),
        workflowIdConflictPolicy: 'USE_EXISTING',
        workflowIdReusePolicy: 'REJECT_DUPLICATE',
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
    }
  }
}

/** It waits for some more of the quota before it is paid. */
const freshMsOf = ({ timings }: PartnerSettings): number => Math.floor(timings.freshnessMs / 2);

function batchPolicy(settings: PartnerSettings): PaymentPolicy {
  const policy = policyOf(settings, 'organisation');
  return { ...policy, quota: { ...policy.quota, isBatch: true } };
}
