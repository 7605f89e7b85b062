import type { PaymentEntity } from '../../database/entities/payment.js';

/** A payment as the partner's API tells it. Amounts are integer minor units, points whole numbers, times ISO 8601 in UTC. */
export function paymentJson(payment: PaymentEntity) {
  return {
    id: payment.id,
    scheme: payment.scheme,
    state: payment.state,
    reason: payment.reason,
    refusalCode: payment.refusalCode,
    invoice: {
      id: payment.invoiceId,
      number: payment.invoiceNumber,
      description: payment.description,
      amountMinor: payment.amountMinor,
      currency: payment.currency,
      expiresAt: payment.invoiceExpiresAt?.toISOString() ?? null,
      paymentUrl: payment.paymentUrl,
      readAt: payment.readAt?.toISOString() ?? null,
    },
    points: payment.points,
    memberId: payment.memberId,
    transactionId: payment.transactionId,
    nextProbeAt: payment.nextProbeAt?.toISOString() ?? null,
    openedAt: payment.openedAt.toISOString(),
    paidAt: payment.paidAt?.toISOString() ?? null,
    closedAt: payment.closedAt?.toISOString() ?? null,
  };
}
