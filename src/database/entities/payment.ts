import { Column, Entity, PrimaryColumn, type ValueTransformer } from 'typeorm';
import type { Actor, Confirmation, PaymentPolicy, PaymentState, Scheme } from '../../domain/payment.js';

/** bigint columns arrive as strings; ours are safe integers by the ledger's limits. */
const safeInteger: ValueTransformer = {
  from: (value: string | null) => (value === null ? null : Number(value)),
  to: (value: number | null) => value,
};

/** The payment's row as the API reads it; only the ledger's functions write it. */
@Entity({ name: 'payment', schema: 'surety' })
export class PaymentEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'partner_id' }) partnerId!: string;
  @Column('text') scheme!: Scheme;
  @Column('text', { name: 'invoice_id' }) invoiceId!: string;
  @Column('text') state!: PaymentState;
  @Column('text', { nullable: true }) reason!: string | null;
  @Column('text', { name: 'refusal_code', nullable: true }) refusalCode!: string | null;
  @Column('integer') epoch!: number;
  @Column('uuid', { name: 'member_id', nullable: true }) memberId!: string | null;
  @Column('boolean', { name: 'member_named' }) memberNamed!: boolean;
  @Column('jsonb', { name: 'opened_by' }) openedBy!: Actor;
  @Column('jsonb') policy!: PaymentPolicy;
  @Column('text', { name: 'success_url', nullable: true }) successUrl!: string | null;
  @Column('text', { name: 'fail_url', nullable: true }) failUrl!: string | null;
  @Column('text', { name: 'cancel_url', nullable: true }) cancelUrl!: string | null;
  @Column('timestamptz', { name: 'read_at', nullable: true }) readAt!: Date | null;
  @Column('integer', { name: 'read_version' }) readVersion!: number;
  @Column('text', { name: 'invoice_number', nullable: true }) invoiceNumber!: string | null;
  @Column('text', { nullable: true }) description!: string | null;
  @Column('bigint', { name: 'amount_minor', nullable: true, transformer: safeInteger }) amountMinor!: number | null;
  @Column('text', { nullable: true }) currency!: string | null;
  @Column('timestamptz', { name: 'invoice_expires_at', nullable: true }) invoiceExpiresAt!: Date | null;
  @Column('text', { name: 'payment_url', nullable: true }) paymentUrl!: string | null;
  @Column('bigint', { nullable: true, transformer: safeInteger }) points!: number | null;
  @Column('jsonb', { nullable: true }) confirmation!: Omit<Confirmation, 'notAfter'> | null;
  @Column('timestamptz', { name: 'next_probe_at', nullable: true }) nextProbeAt!: Date | null;
  @Column('text', { name: 'transaction_id', nullable: true }) transactionId!: string | null;
  @Column('timestamptz', { name: 'paid_at', nullable: true }) paidAt!: Date | null;
  @Column('bigint', { name: 'returned_minor', transformer: safeInteger }) returnedMinor!: number;
  @Column('bigint', { name: 'returned_points', transformer: safeInteger }) returnedPoints!: number;
  @Column('timestamptz', { name: 'opened_at' }) openedAt!: Date;
  @Column('timestamptz', { name: 'closed_at', nullable: true }) closedAt!: Date | null;
}
