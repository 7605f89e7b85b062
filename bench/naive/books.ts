/**
 * The ledger of the naive way: TypeORM transactions that lock a row, look at it, and write it, one statement a step. As a
 * good engineer writes it: rows are locked in one order everywhere, each step can be repeated, and what has changed is
 * written by `update`, which spares the SELECT that `save` makes before it.
 */
import { DataSource, MoreThan, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Account, Lot, LotUse, Payment, PaymentEvent, Transfer, type AccountKind } from './entities.js';

/** @param poolSize absent: TypeORM's own */
export function naiveDataSource(url: string, poolSize?: number): Promise<DataSource> {
  return new DataSource({
    type: 'postgres',
    url,
    entities: [Account, Lot, LotUse, Payment, PaymentEvent, Transfer],
    synchronize: true,
    ...(poolSize === undefined ? {} : { poolSize }),
  }).initialize();
}

const locked = { mode: 'pessimistic_write' } as const;

export async function openPayment(
  manager: EntityManager,
  payment: Pick<Payment, 'id' | 'partnerId' | 'invoiceId' | 'amountMinor' | 'points'>,
): Promise<void> {
  if (await manager.existsBy(Payment, { id: payment.id })) return;
  await manager.insert(Payment, { ...payment, state: 'awaiting_confirmation' });
  await tell(manager, payment.id, 'awaiting_confirmation', { amountMinor: payment.amountMinor });
}

/** @returns false: he has not enough of them */
export async function holdPoints(manager: EntityManager, paymentId: string, memberId: string): Promise<boolean> {
  const payment = await lockPayment(manager, paymentId);
  if (payment.state !== 'awaiting_confirmation') return true;
  const available = await lockAccount(manager, memberId, 'member.available');
  const held = await lockAccount(manager, memberId, 'member.held');
  if (available.balance < payment.points) return false;
  await takeFromLots(manager, payment, memberId);
  await post(manager, paymentId, 'hold', available, held, payment.points);
  await manager.update(Payment, paymentId, { state: 'held', memberId });
  await tell(manager, paymentId, 'held', { points: payment.points });
  return true;
}

/** @returns false: there is not enough in it */
export async function reserveFund(manager: EntityManager, paymentId: string): Promise<boolean> {
  const payment = await lockPayment(manager, paymentId);
  if (payment.state !== 'held') return true;
  const available = await lockAccount(manager, payment.partnerId, 'fund.available');
  const reserved = await lockAccount(manager, payment.partnerId, 'fund.reserved');
  if (available.balance < payment.amountMinor) return false;
  await post(manager, paymentId, 'reserve', available, reserved, payment.amountMinor);
  await manager.update(Payment, paymentId, { state: 'reserved' });
  await tell(manager, paymentId, 'reserved', { amountMinor: payment.amountMinor });
  return true;
}

export async function capture(manager: EntityManager, paymentId: string, transactionId: string): Promise<void> {
  const payment = await lockPayment(manager, paymentId);
  if (payment.state !== 'reserved') return;
  const held = await lockAccount(manager, payment.memberId ?? '', 'member.held');
  const redeemed = await lockAccount(manager, payment.partnerId, 'programme.redeemed');
  const reserved = await lockAccount(manager, payment.partnerId, 'fund.reserved');
  const drawn = await lockAccount(manager, payment.partnerId, 'fund.drawn');
  await post(manager, paymentId, 'capture', held, redeemed, payment.points);
  await post(manager, paymentId, 'draw', reserved, drawn, payment.amountMinor);
  await manager.update(Payment, paymentId, { state: 'paid', transactionId });
  await tell(manager, paymentId, 'paid', { transactionId, amountMinor: payment.amountMinor, points: payment.points });
}

/** Undoes what was done of the hold and the reservation. */
export async function release(manager: EntityManager, paymentId: string): Promise<void> {
  const payment = await lockPayment(manager, paymentId);
  const { state, memberId, partnerId, points, amountMinor } = payment;
  if (state === 'paid' || state === 'declined') return;
  if (memberId !== null) {
    const available = await lockAccount(manager, memberId, 'member.available');
    const held = await lockAccount(manager, memberId, 'member.held');
    for (const use of await manager.findBy(LotUse, { paymentId })) {
      await manager.increment(Lot, { id: use.lotId }, 'remaining', use.points);
    }
    await post(manager, paymentId, 'release', held, available, points);
  }
  if (state === 'reserved') {
    const available = await lockAccount(manager, partnerId, 'fund.available');
    const reserved = await lockAccount(manager, partnerId, 'fund.reserved');
    await post(manager, paymentId, 'unreserve', reserved, available, amountMinor);
  }
  await manager.update(Payment, paymentId, { state: 'declined' });
  await tell(manager, paymentId, 'declined', {});
}

/** Accounts and lots to pay from, as many lots a member as he has credits that have not expired. */
export async function endow(
  manager: EntityManager,
  partnerId: string,
  memberIds: readonly string[],
  each: { readonly lots: number; readonly points: number; readonly fundMinor: number },
): Promise<void> {
  const account = (owner: string, kind: AccountKind, balance: number) => ({ id: uuidv7(), owner, kind, balance });
  await manager.insert(Account, [
    account(partnerId, 'programme.redeemed', 0),
    account(partnerId, 'fund.available', each.fundMinor),
    account(partnerId, 'fund.reserved', 0),
    account(partnerId, 'fund.drawn', 0),
  ]);
  const expiresAt = new Date(Date.now() + 365 * 86_400_000);
  for (const memberId of memberIds) {
    await manager.insert(Account, [
      account(memberId, 'member.available', each.lots * each.points),
      account(memberId, 'member.held', 0),
    ]);
    await manager.insert(
      Lot,
      Array.from({ length: each.lots }, () => ({ id: uuidv7(), memberId, remaining: each.points, expiresAt })),
    );
  }
}

/** First to expire, first spent. */
async function takeFromLots(manager: EntityManager, payment: Payment, memberId: string): Promise<void> {
  const lots = await manager.find(Lot, {
    where: { memberId, remaining: MoreThan(0) },
    order: { expiresAt: 'ASC', id: 'ASC' },
    lock: locked,
  });
  let wanted = payment.points;
  for (const lot of lots) {
    if (wanted === 0) break;
    const points = Math.min(wanted, lot.remaining);
    await manager.update(Lot, lot.id, { remaining: lot.remaining - points });
    await manager.insert(LotUse, { paymentId: payment.id, lotId: lot.id, points });
    wanted -= points;
  }
}

const lockPayment = (manager: EntityManager, id: string): Promise<Payment> =>
  manager.findOneOrFail(Payment, { where: { id }, lock: locked });

const lockAccount = (manager: EntityManager, owner: string, kind: AccountKind): Promise<Account> =>
  manager.findOneOrFail(Account, { where: { owner, kind }, lock: locked });

async function post(
  manager: EntityManager,
  paymentId: string,
  kind: Transfer['kind'],
  debit: Account,
  credit: Account,
  amount: number,
): Promise<void> {
  await manager.update(Account, debit.id, { balance: debit.balance - amount });
  await manager.update(Account, credit.id, { balance: credit.balance + amount });
  await manager.insert(Transfer, {
    ...{ id: uuidv7(), paymentId, kind, debit: debit.id, credit: credit.id, amount, at: new Date() },
  });
}

async function tell(manager: EntityManager, paymentId: string, type: Payment['state'], body: object): Promise<void> {
  await manager.insert(PaymentEvent, { id: uuidv7(), paymentId, type, body, at: new Date() });
}
