/**
 * The saga as the tutorials have it: started, told by a signal, its steps plain activities, each with its compensation;
 * where it stands is asked by a query, and what came of it is its result.
 */
import { condition, defineQuery, defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import type { createNaiveActivities, NaiveOrder } from './activities.js';

type NaiveState = 'opening' | 'awaiting_confirmation' | 'settling' | 'paid' | 'declined' | 'expired';

export const confirmSignal = defineSignal<[string]>('confirm');
export const stateQuery = defineQuery<NaiveState>('state');

const { readInvoice, holdPoints, reserveFund, confirmInvoice, capture, release } = proxyActivities<
  ReturnType<typeof createNaiveActivities>
>({ startToCloseTimeout: '1 minute' });

export async function naivePayment(order: NaiveOrder): Promise<NaiveState> {
  let state: NaiveState = 'opening';
  let memberId = '';
  setHandler(stateQuery, () => state);
  setHandler(confirmSignal, (member) => {
    memberId = member;
  });

  await readInvoice(order);
  state = 'awaiting_confirmation';
  if (!(await condition(() => memberId !== '', '1 day'))) return (state = 'expired');

  state = 'settling';
  const compensations: (() => Promise<void>)[] = [];
  try {
    compensations.unshift(() => release(order.paymentId));
    await holdPoints(order.paymentId, memberId);
    await reserveFund(order.paymentId);
    const transactionId = await confirmInvoice(order);
    await capture(order.paymentId, transactionId);
    return (state = 'paid');
  } catch {
    for (const compensate of compensations) await compensate();
    return (state = 'declined');
  }
}
