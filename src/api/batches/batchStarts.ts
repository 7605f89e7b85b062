import type { Client } from '@temporalio/client';
import { Injectable, Logger } from '@nestjs/common';
import { batchStart, batchWorkflow, lookAgainSignal, type BatchKey } from '../../workflows/messages.js';

const withinMs = 3_000;

/** Tells a batch's workflow that it has something to look at, and starts it where it is not there. */
@Injectable()
export class BatchStarts {
  readonly #log = new Logger(BatchStarts.name);

  constructor(private readonly client: Client) {}

  /** What fails here is caught by the Schedule `start-batches`: the batch stands in Postgres. */
  async poke(key: BatchKey): Promise<void> {
    try {
      await this.client.withDeadline(Date.now() + withinMs, () =>
        this.client.workflow.signalWithStart(batchWorkflow, { ...batchStart(key), signal: lookAgainSignal }),
      );
    } catch (error) {
      this.#log.warn(`batch ${key.batchId} could not be told: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  }
}
