/** Who takes part in the saga's bench: each pays an invoice, from its opening to its answer, over Temporal's client. */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Program, repository } from '../scripts/stack.js';
import type { Confirmation } from '../src/domain/payment.js';

export interface Contender {
  readonly name: string;
  /** Of its worker. */
  readonly pid: number;
  /** Of the server that all share; null: it has none. */
  readonly database: string | null;
  /** Opens it, waits until it can be confirmed, confirms it, and waits for the answer. */
  pay(invoiceId: string): Promise<PaidOnce>;
}

export interface PaidOnce {
  readonly workflowId: string;
  /** From the click to the answer. */
  readonly clickMs: number;
}

/** What both sagas pay with: members of one partner, who have more points than they will spend. */
export interface Payers {
  readonly partnerId: string;
  readonly memberIds: readonly string[];
}

export const amountMinor = 100_00;
export const points = 100;

const patienceMs = 120_000;

/** A worker of a bench, as a process of its own: it says `ready` once it polls. */
export async function startedWorker(
  name: string,
  environment: Readonly<Record<string, string>>,
  ends: (() => Promise<unknown>)[],
): Promise<Program> {
  let isReady = false;
  const script = join(repository, 'dist/bench', name, 'worker.main.js');
  const program = new Program(name, process.execPath, ['--enable-source-maps', script], environment, (line) => {
    if (line === 'ready') isReady = true;
  });
  ends.push(() => program.stop());
  const deadline = performance.now() + patienceMs;
  while (!isReady as boolean) {
    if (!program.isRunning) throw new Error(`The worker of ${name} has ended:\n${program.output}`);
    if (performance.now() > deadline) throw new Error(`The worker of ${name} is not ready:\n${program.output}`);
    await pause(50);
  }
  return program;
}

/** One after the other, and from the first again. */
export function inCircles<T>(all: readonly T[]): () => T {
  let next = 0;
  return () => {
    const one = all[next++ % all.length];
    if (one === undefined) throw new Error('There is none');
    return one;
  };
}

/** What a member says who pays what he has seen. */
export function confirmationOf(memberId: string): Confirmation {
  const at = Date.now();
  return {
    ...{ memberId, seen: { amountMinor, currency: 'RUB', points }, actor: { kind: 'member', id: memberId } },
    ...{ confirmationId: randomUUID(), notAfter: at + 60_000, askedAt: at },
  };
}
