/** Sets reconciliation to work: wakes the partner's workflow, or starts it. */
import { Injectable, Logger } from '@nestjs/common';
import { Client } from '@temporalio/client';
import { reconcileStart, reconcileWorkflow, wantedSignal } from '../../workflows/messages.js';

const answerWithinMs = 8_000;

@Injectable()
export class ReconciliationStarts {
  readonly #log = new Logger(ReconciliationStarts.name);

  constructor(private readonly client: Client) {}

  /** What is wanted stands in Postgres already: where Temporal cannot be reached now, a Schedule starts it later. */
  async wake(partnerId: string): Promise<void> {
    try {
      await this.client.withDeadline(Date.now() + answerWithinMs, () =>
        this.client.workflow.signalWithStart(reconcileWorkflow, {
          ...reconcileStart(partnerId),
          signal: wantedSignal,
          signalArgs: [],
        }),
      );
    } catch (error) {
      const detail = error instanceof Error ? error.message : 'unknown';
      this.#log.warn({ event: 'reconciliation_not_started_yet', partnerId, detail });
    }
  }
}
