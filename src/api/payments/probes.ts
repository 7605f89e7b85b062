/** A person has an unknown outcome read at once: its workflow does it, by its own rules (src/workflows/proveOutcome.ts). */
import type { Client } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import type { Probing } from '../../domain/payment.js';
import { probeUpdate, workflowIdOf, type ProbeAnswer } from '../../workflows/messages.js';
import { sagaAnswerOf, type SagaAnswer } from './sagas.js';

export type Probed =
  | (ProbeAnswer & { readonly kind: 'probed' })
  /** Nothing was done. */
  | (SagaAnswer & { readonly kind: 'refused' | 'over' })
  /** It may still be done: a probe harms nothing. */
  | { readonly kind: 'unanswered' };

const countsForMs = 30_000;
/** A read may take its turn behind others, and a confirm after it too. */
const answerWithinMs = 45_000;

export async function probeNow(client: Client, paymentId: string, confirm: boolean): Promise<Probed> {
  const probing: Probing = { confirm, notAfter: Date.now() + countsForMs };
  try {
    const answer = await client.withDeadline(Date.now() + answerWithinMs, () =>
      client.workflow
        .getHandle(workflowIdOf(paymentId))
        .executeUpdate(probeUpdate, { updateId: `probe:${uuidv7()}`, args: [probing] }),
    );
    return { kind: 'probed', ...answer };
  } catch (error) {
    const answer = sagaAnswerOf(error);
    return answer.kind === 'refused' || answer.kind === 'over' ? answer : { kind: 'unanswered' };
  }
}
