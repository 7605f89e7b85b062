/**
 * Who goes first on the queue where Invoicebox's quota is kept (design.md, section 3): by priority, and within a priority
 * fairly between accounts. The server starts no more of an account than its rate allows, whatever the priority.
 */

export interface QuotaShare {
  /** Whose limit it is: partners that pay by one Invoicebox account share it. Absent: the partner's own. */
  readonly account?: string | undefined;
  /** The account's own limit ÷ everybody's: the server multiplies its rate by it. Absent: 1. */
  readonly weight?: number | undefined;
  /** The payment is one of thousands that nobody stands and waits for. */
  readonly isBatch?: boolean | undefined;
}

/** The least is first; Temporal knows five. */
const priorities = {
  confirm: 1,
  read: 2,
  /** An operator who resolves a payment waits for it. */
  forPerson: 2,
  /** Within minutes of its confirm: somebody may still be looking at the page. */
  earlyProof: 2,
  lateProof: 3,
  batch: 4,
  reconciliation: 5,
} as const;

export type InvoiceboxCall = keyof typeof priorities;

export interface CallPriority {
  readonly fairnessKey: string;
  readonly fairnessWeight?: number;
  readonly priorityKey: number;
}

export function callPriority(partnerId: string, share: QuotaShare | undefined, call: InvoiceboxCall): CallPriority {
  const { account = partnerId, weight = 1, isBatch = false } = share ?? {};
  return {
    fairnessKey: account,
    ...(weight === 1 ? {} : { fairnessWeight: weight }),
    priorityKey: priorities[isBatch ? batchCall(call) : call],
  };
}

/** A batch waits behind buyers with its confirms too; what it has to prove holds money, and goes before the rest of it. */
function batchCall(call: InvoiceboxCall): InvoiceboxCall {
  switch (call) {
    case 'confirm':
    case 'read':
      return 'batch';
    case 'earlyProof':
      return 'lateProof';
    case 'forPerson':
    case 'lateProof':
    case 'batch':
    case 'reconciliation':
      return call;
  }
}
