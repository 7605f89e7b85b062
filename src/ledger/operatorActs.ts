/** The log of what operators do, look at and are refused: src/ledger/sql/operator_act.sql. */
import type pg from 'pg';
import { z } from 'zod';
import { call, iso } from './call.js';

export interface OperatorAct {
  readonly operator: string;
  readonly roles: readonly string[];
  /** NULL: of no partner, or of several. */
  readonly partnerId: string | null;
  /** `payment.probe`, `member.look`, … */
  readonly action: string;
  readonly subjectKind: string;
  readonly subject: string;
  readonly outcome: string;
  /** Bounded by whoever writes it; never a secret. */
  readonly detail: Readonly<Record<string, unknown>>;
  readonly requestId: string;
  readonly at: number;
}

const written = z.object({ n: z.int() });
const checked = z.object({ through: z.int(), broken: z.int().nullable(), isEnd: z.boolean() });
const linesAtOnce = 5_000;

export class OperatorActs {
  constructor(private readonly pool: pg.Pool) {}

  /** Appends a line to the chain. @returns its number */
  async write(act: OperatorAct): Promise<number> {
    const { n } = await call(this.pool, written, 'operator_act_write', [
      act.operator,
      act.roles,
      act.partnerId,
      act.action,
      act.subjectKind,
      act.subject,
      act.outcome,
      act.detail,
      act.requestId,
      iso(act.at),
    ]);
    return n;
  }

  /** Follows the whole chain. @returns the number of lines that are right, and the first that is not, or null */
  async check(): Promise<{ readonly through: number; readonly broken: number | null }> {
    let through = 0;
    for (;;) {
      const page = await call(this.pool, checked, 'operator_acts_check', [through, linesAtOnce]);
      through = page.through;
      if (page.broken !== null || page.isEnd) return { through, broken: page.broken };
    }
  }
}
