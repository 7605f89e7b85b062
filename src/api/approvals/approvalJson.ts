/** What waits for a second person, as the partner's API tells it. */
import { z } from 'zod';
import { approvalActions, approvalStates } from '../../domain/approval.js';
import type { Approval } from '../../ledger/approvals.js';
import { utc, utcOrNull } from '../utc.js';
import { instant } from '../validate.js';

const actor = z.object({ kind: z.string(), id: z.string() });

export const approvalSchema = z
  .object({
    id: z.uuid(),
    action: z.enum(approvalActions).meta({ description: 'More may come' }),
    subject: z.string().meta({ description: 'What it is about: a bill’s number, an id' }),
    version: z.int().meta({ description: 'Of what is asked for; a decision names the one that was read' }),
    request: z.record(z.string(), z.unknown()).meta({ description: 'What is done when it is approved' }),
    reason: z.string().meta({ description: 'Given by who asked' }),
    state: z.enum(approvalStates),
    waived: z
      .boolean()
      .meta({ description: 'The partner’s settings need no second person: done when it was asked for' }),
    requestedBy: actor,
    requestedAt: instant,
    expiresAt: instant.meta({ description: 'A day after the request' }),
    decidedBy: actor.nullable(),
    decidedAt: instant.nullable(),
    decisionReason: z.string().nullable(),
    result: z.record(z.string(), z.unknown()).nullable().meta({ description: 'What came of it, once approved' }),
  })
  .meta({ id: 'Approval' });

export function approvalJson(approval: Approval): z.infer<typeof approvalSchema> {
  return {
    ...approval,
    requestedAt: utc(approval.requestedAt),
    expiresAt: utc(approval.expiresAt),
    decidedAt: utcOrNull(approval.decidedAt),
  };
}
