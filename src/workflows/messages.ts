/** Names and payloads of everything that is said to a payment's workflow, and what it answers. All that api/ imports. */
import { defineSearchAttributeKey } from '@temporalio/common';
import { defineSignal, defineUpdate } from '@temporalio/workflow';
import type { Cancellation, Confirmation, PaymentPolicy, PaymentState, Scheme } from '../domain/payment.js';

/** What a payment's workflow is started with. */
export interface OpenPayment {
  readonly partnerId: string;
  readonly paymentId: string;
  readonly epoch: number;
  readonly invoiceId: string;
  readonly policy: PaymentPolicy;
}

/** What a message is answered with; the whole truth is in the payment's row. */
export interface PaymentAnswer {
  readonly state: PaymentState;
  readonly reason: string | null;
}

/** Why a message is refused before it counts; the type of the ApplicationFailure that carries it. */
export type Refusal = 'malformed' | 'too_late' | 'not_waiting' | 'too_many_tries' | 'untrusted';

export const openUpdate = defineUpdate<PaymentAnswer>('open');
export const confirmUpdate = defineUpdate<PaymentAnswer, [Confirmation]>('confirm');
export const cancelUpdate = defineUpdate<PaymentAnswer, [Cancellation]>('cancel');
export const confirmPaymentSignal = defineSignal<[Confirmation]>('confirmPayment');
export const cancelPaymentSignal = defineSignal<[Cancellation]>('cancelPayment');

export const workflowNames: Readonly<Record<Scheme, string>> = {
  loyalty: 'loyaltyPayment',
  organisation: 'organisationPayment',
};
export const workflowIdOf = (paymentId: string): string => `payment-${paymentId}`;

export const taskQueues = { payments: 'payments', invoicebox: 'invoicebox' } as const;

/** Typed, registered by set-up, never encrypted, never personal. */
export const searchAttributes = {
  partnerId: defineSearchAttributeKey('PartnerId', 'KEYWORD'),
  invoiceId: defineSearchAttributeKey('InvoiceId', 'KEYWORD'),
  paymentState: defineSearchAttributeKey('PaymentState', 'KEYWORD'),
  reviewReason: defineSearchAttributeKey('ReviewReason', 'KEYWORD'),
} as const;
