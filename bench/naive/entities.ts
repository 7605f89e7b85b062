/**
 * The books of the naive way, as entities: the same facts that ours keep (double entry, lots that expire, what a hold took
 * from which, an event a step), drawn as a partner's developer would who has TypeORM's documentation open beside him.
 */
import { Column, Entity, Index, PrimaryColumn, type ValueTransformer } from 'typeorm';

const integer: ValueTransformer = { from: Number, to: (value: number) => value };

export type AccountKind =
  'member.available' | 'member.held' | 'programme.redeemed' | 'fund.available' | 'fund.reserved' | 'fund.drawn';

/** `owner`: the member, or the partner. */
@Entity({ name: 'account' })
@Index(['owner', 'kind'], { unique: true })
export class Account {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') owner!: string;
  @Column('text') kind!: AccountKind;
  @Column('bigint', { transformer: integer }) balance!: number;
}

@Entity({ name: 'payment' })
export class Payment {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') partnerId!: string;
  @Column('uuid', { unique: true }) invoiceId!: string;
  @Column('uuid', { nullable: true }) memberId!: string | null;
  @Column('bigint', { transformer: integer }) amountMinor!: number;
  @Column('bigint', { transformer: integer }) points!: number;
  @Column('text') state!: 'awaiting_confirmation' | 'held' | 'reserved' | 'paid' | 'declined';
  @Column('text', { nullable: true }) transactionId!: string | null;
}

@Entity({ name: 'lot' })
@Index(['memberId', 'expiresAt'])
export class Lot {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid') memberId!: string;
  @Column('bigint', { transformer: integer }) remaining!: number;
  @Column('timestamptz') expiresAt!: Date;
}

/** What a payment took from which lot. */
@Entity({ name: 'lot_use' })
export class LotUse {
  @PrimaryColumn('uuid') paymentId!: string;
  @PrimaryColumn('uuid') lotId!: string;
  @Column('bigint', { transformer: integer }) points!: number;
}

@Entity({ name: 'transfer' })
export class Transfer {
  @PrimaryColumn('uuid') id!: string;
  @Index()
  @Column('uuid')
  paymentId!: string;
  @Column('text') kind!: 'hold' | 'reserve' | 'capture' | 'draw' | 'release' | 'unreserve';
  @Column('uuid') debit!: string;
  @Column('uuid') credit!: string;
  @Column('bigint', { transformer: integer }) amount!: number;
  @Column('timestamptz') at!: Date;
}

@Entity({ name: 'payment_event' })
export class PaymentEvent {
  @PrimaryColumn('uuid') id!: string;
  @Index()
  @Column('uuid')
  paymentId!: string;
  @Column('text') type!: Payment['state'];
  @Column('jsonb') body!: object;
  @Column('timestamptz') at!: Date;
}
