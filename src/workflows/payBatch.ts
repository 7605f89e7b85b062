/**
 * Pays an organisation's invoices by the thousand, as fast as Invoicebox's quota lets it. What the batch is at stands in
 * Postgres; this only drives it, so that it can be paused, resumed, cancelled or lost at any moment and taken up again.
 * The read of the next page is ordered before the payments of the last one are started: it stands before them on the queue of
 * Invoicebox's quota, so what is under way is about two pages, and there is never nothing.
 */
import {
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setCurrentDetails,
  setHandler,
} from '@temporalio/workflow';
import type * as batchActivities from '../activities/batch.js';
import type { BatchTask } from '../activities/batch.js';
import type * as batchReadActivities from '../activities/batchReads.js';
import type { BatchRead } from '../activities/batchReads.js';
import { callPriority } from '../domain/quota.js';
import { lookAgainSignal, taskQueues, type BatchKey } from './messages.js';

type BatchActivities = ReturnType<typeof batchActivities.createBatchActivities>;

const forever = { initialInterval: '1 s', backoffCoefficient: 2, maximumInterval: '60 s' } as const;

const { takeBatchStock, endBatch, pauseBatch } = proxyLocalActivities<BatchActivities>({
  startToCloseTimeout: '10 s',
  retry: { initialInterval: '100 ms', maximumInterval: '10 s' },
  localRetryThreshold: '5 s',
});
const { startBatchPayments } = proxyActivities<BatchActivities>({
  startToCloseTimeout: '2 min',
  heartbeatTimeout: '15 s',
  retry: forever,
  summary: 'Start payments of the batch',
});

/** Each costs up to some 20 events; a run should stay far below the server's 50,000. */
const roundsARun = 300;
const roundsBetweenTellings = 10;
const pausedLookMs = 60_000;

/** A page that is being read: what came of it, once that is known. */
interface Reading {
  read: BatchRead | null;
  failure: Error | null;
  readonly scope: CancellationScope;
}

export async function payBatch(key: BatchKey): Promise<void> {
  const batch = new BatchRun(key);
  try {
    for (let round = 0; round < roundsARun; round++) {
      if ((await batch.goOn(round % roundsBetweenTellings === 0)) === 'ended') return;
    }
  } catch (error) {
    if (!isCancellation(error)) throw error;
    // Somebody has cancelled it in the Temporal UI: nothing more is started until it is resumed.
    await CancellationScope.nonCancellable(() => pauseBatch(key, 'workflow_cancelled'));
    return;
  }
  batch.stopReading();
  await continueAsNew<typeof payBatch>(key);
}

class BatchRun {
  #reading: Reading | null = null;
  #isPoked = false;

  constructor(private readonly key: BatchKey) {
    setHandler(lookAgainSignal, () => {
      this.#isPoked = true;
    });
  }

  /** What there is to do at this moment. @param tells whether the Temporal UI is told how it stands */
  async goOn(tells: boolean): Promise<'ended' | 'goes_on'> {
    this.#isPoked = false;
    const task = await takeBatchStock(this.key, tells);
    if (task === null) return 'ended';
    explain(task);
    switch (task.state) {
      case 'cancelled':
      case 'finished':
        return 'ended';
      case 'cancelling':
        this.stopReading();
        return task.inFlight === 0 ? this.#end() : this.#wait(task.paceMs);
      case 'paused':
        this.stopReading();
        return this.#wait(task.inFlight === 0 ? pausedLookMs : task.paceMs);
      case 'running':
        return this.#payOn(task);
    }
  }

  stopReading(): void {
    this.#reading?.scope.cancel();
    this.#reading = null;
  }

  async #payOn(task: BatchTask): Promise<'ended' | 'goes_on'> {
    const refused = this.#takeRead();
    if (refused !== null) return this.#pause(refused);
    const hasMoreToRead = task.unread > 0 || !task.listEnded;
    if (hasMoreToRead && task.ready <= task.pageSize) this.#reading ??= beginReading(this.key, task);
    if (task.ready > 0 && task.room > 0) {
      const { pause } = await startBatchPayments(this.key, Math.min(task.room, task.pageSize));
      return pause === null ? 'goes_on' : this.#pause(pause);
    }
    const reading = this.#reading;
    if (reading !== null && task.ready === 0) {
      await condition(() => reading.read !== null || reading.failure !== null || this.#isPoked);
      return 'goes_on';
    }
    const isDone = !hasMoreToRead && task.ready === 0 && task.inFlight === 0;
    return isDone ? this.#end() : this.#wait(task.paceMs);
  }

  /** @returns why nothing more can be read, if that is so */
  #takeRead(): string | null {
    const reading = this.#reading;
    if (reading === null) return null;
    if (reading.failure !== null) throw reading.failure;
    if (reading.read === null) return null;
    this.#reading = null;
    return reading.read.kind === 'refused' ? reading.read.reason : null;
  }

  async #pause(reason: string): Promise<'goes_on'> {
    await pauseBatch(this.key, reason);
    return 'goes_on';
  }

  async #end(): Promise<'ended' | 'goes_on'> {
    return (await endBatch(this.key)) === 'ended' ? 'ended' : 'goes_on';
  }

  async #wait(ms: number): Promise<'goes_on'> {
    await condition(() => this.#isPoked, ms);
    return 'goes_on';
  }
}

/** On the limited queue, behind buyers. Named invoices first: those wait already. */
function beginReading(key: BatchKey, task: BatchTask): Reading {
  const { readBatchPage } = proxyActivities<ReturnType<typeof batchReadActivities.createBatchReadActivities>>({
    taskQueue: taskQueues.invoicebox,
    priority: callPriority(key.partnerId, task.quota, 'batch'),
    startToCloseTimeout: '45 s',
    heartbeatTimeout: '6 s',
    retry: forever,
    summary: 'Read a page of invoices at Invoicebox',
  });
  const { filter, place, unread } = task;
  const wanted =
    unread > 0 || filter === null
      ? ({ kind: 'named', filter } as const)
      : ({ kind: 'list', filter, from: place } as const);
  const reading: Reading = { read: null, failure: null, scope: new CancellationScope() };
  reading.scope
    .run(() => readBatchPage(key, wanted, task.freshMs))
    .then(
      (read) => {
        reading.read = read;
      },
      (error: unknown) => {
        if (!isCancellation(error)) reading.failure = error instanceof Error ? error : new Error(String(error));
      },
    );
  return reading;
}

function explain({ state, pauseReason, progress }: BatchTask): void {
  if (progress === null) return;
  const { found, skipped, paid, declined, expired, cancelled, inFlight, awaitingApproval, inReview, waiting } =
    progress;
  setCurrentDetails(
    [
      `**${state}${pauseReason === null ? '' : `: ${pauseReason}`}**`,
      `${found} found, ${waiting} waiting, ${inFlight} under way, ${paid} paid, ${declined + expired + cancelled} ended unpaid, ${skipped} skipped, ${awaitingApproval} wait for an approver, ${inReview} for a person.`,
      'Pause, resume and cancel through the API. Terminating this loses nothing: it is started again.',
    ].join('\n\n'),
  );
}
