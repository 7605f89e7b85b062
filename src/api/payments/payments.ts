/** What can be done with a payment, for the partner's API and the buyer's page alike. Reads come from Postgres alone. */
import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { PaymentEntity } from '../../database/entities/payment.js';
import { withPartner } from '../../database/withPartner.js';
import type { Actor, Cancellation, Confirmation, Scheme } from '../../domain/payment.js';
import { Ledger } from '../../ledger/ledger.js';
import type { OpenOutcome, Passport } from '../../ledger/outcomes.js';
import { policyOf, type PartnerSettings } from '../../partnerSettings.js';
import type { PaymentFilters } from './paymentBodies.js';
import { Sagas, type SagaAnswer } from './sagas.js';

/** A confirm or cancel counts for this long after the click. */
export const countsForMs = 60_000;

const mostPaymentsListed = 200;

export interface WishToPay {
  readonly partnerId: string;
  readonly settings: PartnerSettings;
  /** The id that a new payment gets: UUIDv7. */
  readonly paymentId: string;
  readonly scheme: Scheme;
  readonly invoiceId: string;
  readonly memberId: string | null;
  readonly memberExternalId?: string | undefined;
  readonly openedBy: Actor;
  readonly links: { successUrl?: string | undefined; failUrl?: string | undefined; cancelUrl?: string | undefined };
}

export type Opened =
  | { readonly kind: 'opened' | 'existing'; readonly paymentId: string; readonly saga: SagaAnswer }
  | (OpenOutcome & { outcome: 'refused' } & { readonly kind: 'refused' });

@Injectable()
export class Payments {
  constructor(
    private readonly ledger: Ledger,
    private readonly sagas: Sagas,
    private readonly dataSource: DataSource,
  ) {}

  /** Opens a payment, or finds the invoice's live-or-paid one; starts its saga where that has not begun. */
  async open(wish: WishToPay): Promise<Opened> {
    const policy = policyOf(wish.settings, wish.scheme);
    const opened = await this.ledger.openPayment({ ...wish, policy, at: Date.now() });
    if (opened.outcome === 'refused') return { kind: 'refused', ...opened };
    const kind = opened.outcome;
    if (opened.state !== 'opening') return { kind, paymentId: opened.paymentId, saga: { kind: 'answered' } };
    const saga =
      opened.scheme === 'loyalty'
        ? await this.sagas.openLoyalty(opened, wish)
        : await this.sagas.startOrganisation(opened, wish);
    return { kind, paymentId: opened.paymentId, saga };
  }

  confirm(paymentId: string, updateId: string, confirmation: Confirmation): Promise<SagaAnswer> {
    return this.sagas.confirm(paymentId, updateId, confirmation);
  }

  cancel(paymentId: string, updateId: string, cancellation: Cancellation): Promise<SagaAnswer> {
    return this.sagas.cancel(paymentId, updateId, cancellation);
  }

  read(partnerId: string, paymentId: string): Promise<PaymentEntity | null> {
    return withPartner(this.dataSource, partnerId, (manager) =>
      manager.getRepository(PaymentEntity).findOneBy({ id: paymentId, partnerId }),
    );
  }

  /** Newest first, from before the given one. */
  list(partnerId: string, filters: PaymentFilters, before: string | null, limit: number): Promise<PaymentEntity[]> {
    const { state, openedFrom, openedBefore, ...exact } = filters;
    return withPartner(this.dataSource, partnerId, (manager) => {
      const query = manager
        .getRepository(PaymentEntity)
        .createQueryBuilder('payment')
        .where({ partnerId, ...exact })
        .orderBy('payment.id', 'DESC')
        .limit(limit);
      if (state !== undefined) query.andWhere('payment.state IN (:...state)', { state });
      if (openedFrom !== undefined) query.andWhere('payment.opened_at >= :openedFrom', { openedFrom });
      if (openedBefore !== undefined) query.andWhere('payment.opened_at < :openedBefore', { openedBefore });
      if (before !== null) query.andWhere('payment.id < :before', { before });
      return query.getMany();
    });
  }

  /** A member's own payments of the last 12 months, newest first. */
  ofMember(partnerId: string, memberId: string): Promise<PaymentEntity[]> {
    const since = new Date();
    since.setFullYear(since.getFullYear() - 1);
    return withPartner(this.dataSource, partnerId, (manager) =>
      manager
        .getRepository(PaymentEntity)
        .createQueryBuilder('payment')
        .where('payment.partner_id = :partnerId AND payment.opened_at > :since', { partnerId, since })
        .andWhere(
          "(payment.member_id = :memberId OR payment.member_id IS NULL AND payment.opened_by ->> 'id' = :opener)",
          {
            memberId,
            // The same id, as the text that it is in there.
            opener: memberId,
          },
        )
        .orderBy('payment.id', 'DESC')
        .limit(mostPaymentsListed)
        .getMany(),
    );
  }

  passport(partnerId: string, paymentId: string): Promise<Passport | null> {
    return this.ledger.passport(partnerId, paymentId);
  }
}
