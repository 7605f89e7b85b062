/** Sets imports to work: starts their workflows. */
import { Injectable } from '@nestjs/common';
import { Client, WorkflowExecutionAlreadyStartedError } from '@temporalio/client';
import { importStart, importWorkflow } from '../../workflows/messages.js';
import { unavailable } from '../problem.js';

const answerWithinMs = 8_000;

@Injectable()
export class ImportStarts {
  constructor(private readonly client: Client) {}

  /** Once: an import that is being worked on goes on as it does. */
  async start(key: { partnerId: string; importId: string }): Promise<void> {
    try {
      await this.client.withDeadline(Date.now() + answerWithinMs, () =>
        this.client.workflow.start(importWorkflow, { ...importStart(key), workflowIdConflictPolicy: 'USE_EXISTING' }),
      );
    } catch (error) {
      if (error instanceof WorkflowExecutionAlreadyStartedError) return;
      throw unavailable(
        'The file is here, but its import was not started for certain. Repeat with the same Idempotency-Key.',
        {
          importId: key.importId,
        },
      );
    }
  }
}
