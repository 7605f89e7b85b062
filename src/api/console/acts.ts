/** Lines for the log of what operators do, look at and are refused. */
import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { OperatorActs } from '../../ledger/operatorActs.js';
import { requestIdOf } from '../requests.js';
import type { ConsoleStop } from './consoleStop.js';
import type { ConsoleRequest } from './operatorSessions.js';

export interface Act {
  /** `payment.probe`, `member.look`, `export.payments`, … */
  readonly action: string;
  readonly outcome: string;
  /** What it was done to: an id, or an address of the console. */
  readonly subject: string;
  readonly subjectKind?: string;
  readonly partnerId?: string | null;
  /** What he gave as reason, comment and reference, and what he was shown; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

type Detail = NonNullable<Act['detail']>;

/** What an operator has asked for, and the log knows that he has; how it ends is told once. */
export class Begun {
  constructor(private readonly tell: (outcome: string, detail?: Detail) => Promise<number>) {}

  async done(detail?: Detail): Promise<void> {
    await this.tell('done', detail);
  }

  /** Throws what the operator is told. @param outcome why, in the log's words */
  async refuse(outcome: string, stop: ConsoleStop): Promise<never> {
    await this.tell(`refused: ${outcome}`);
    throw stop;
  }
}

@Injectable()
export class Acts {
  constructor(private readonly acts: OperatorActs) {}

  /** Before anything is done that an operator asks for. @param act its detail: what he gave as reasons, and what he was shown */
  async begin(request: Request, act: Omit<Act, 'outcome'>): Promise<Begun> {
    await this.write(request, { ...act, outcome: 'asked' });
    return new Begun((outcome, detail = {}) => this.write(request, { ...act, outcome, detail }));
  }

  /** Written before whatever it tells of is shown or done: nothing happens that is not in the log. */
  write(request: Request, act: Act): Promise<number> {
    const { operator } = (request as ConsoleRequest).operatorSession;
    return this.acts.write({
      operator: operator.id,
      roles: operator.roles,
      partnerId: act.partnerId ?? null,
      action: act.action,
      subjectKind: act.subjectKind ?? 'page',
      subject: act.subject.slice(0, 200),
      outcome: act.outcome.slice(0, 100),
      detail: act.detail ?? {},
      requestId: requestIdOf(request),
      at: Date.now(),
    });
  }
}
