/** Sets approved returns to work: starts their sagas after the commit. Nobody waits for it: a Schedule starts what it loses. */
import { Injectable, Logger } from '@nestjs/common';
import type { Client } from '@temporalio/client';
import { returnStart, returnWorkflow, type ReturnPayment } from '../../workflows/messages.js';

const answerWithinMs = 10_000;

@Injectable()
export class ReturnStarts {
  readonly #log = new Logger(ReturnStarts.name);

  constructor(private readonly client: Client) {}

  start(key: ReturnPayment): void {
    const { client } = this;
    client
      .withDeadline(Date.now() + answerWithinMs, () => client.workflow.start(returnWorkflow, returnStart(key)))
      .catch((error: unknown) => {
        const said = error instanceof Error ? error.message : 'unknown';
        this.#log.warn(`The return ${key.returnId} was not started; the schedule will: ${said}`);
      });
  }
}
