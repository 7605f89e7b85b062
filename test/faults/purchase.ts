/** One invoice of the run, from its making to its end, and everything that is known about it outside of Surety. */
import type { PlannedPayment } from './plan.js';
import type { Tenant } from './tenants.js';
import type { Trail } from './watch.js';

/** What somebody was told of the payment's state. */
interface Told {
  readonly at: number;
  readonly state: string;
  readonly reason: string | null;
}

/** A fault that has struck a process while it worked on this payment; `performance.now()`. */
interface Strike {
  readonly at: number;
  /** When the proof that was under way was to go on anyway. */
  readonly dueAt: number;
  /** From when a worker could go on. */
  workerReadyAt: number;
}

export interface Member {
  readonly externalId: string;
  readonly id: string;
}

export interface Purchase {
  readonly planned: PlannedPayment;
  readonly tenant: Tenant;
  readonly invoiceId: string;
  readonly amountMinor: number;
  readonly member: Member;
  readonly trail: Trail;
  readonly told: Told[];
  readonly strikes: Strike[];
  /** What the caller was told that it must not be told. */
  readonly complaints: string[];
  paymentId: string | null;
  /** Of what was asked to be given back. */
  readonly returnIds: string[];
  /** Whether the planned fault has struck it. */
  exercised: boolean;
  /** What the caller has done last, for whoever looks into a run that hangs. */
  stage: string;
}
