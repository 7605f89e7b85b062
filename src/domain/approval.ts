/**
 * What takes effect only when a second person agrees, unless the partner's setting waives it. What each does stands in
 * src/ledger/sql/approval_perform.sql.
 */
export const approvalActions = [
  'fund.deposit',
  'fund.repayment',
  'fund.correction',
  'payment.return',
  'points.adjust',
] as const;

export const approvalStates = ['pending', 'approved', 'rejected', 'expired', 'superseded'] as const;
export type ApprovalState = (typeof approvalStates)[number];

/** Money that comes to the guarantee fund or leaves it otherwise than by a payment. */
export type FundChange = 'deposit' | 'repayment' | 'correction';
