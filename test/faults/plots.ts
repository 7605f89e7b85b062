/** What the people of a payment do: an ordinary purchase, and each of the callers' tricks. */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { workflowIdOf } from '../../src/workflows/messages.js';
import { Caller, finalStates, type PaymentSeen } from './callers.js';
import { giveBack } from './givesBack.js';
import type { Injector } from './inject.js';
import type { Machines } from './machines.js';
import type { CallerPlot } from './matrix.js';
import type { Purchase } from './purchase.js';
import { scale } from './scale.js';

const clicks = 100;

export interface Scene {
  readonly machines: Machines;
  readonly injector: Injector;
  readonly caller: Caller;
  readonly purchase: Purchase;
}

export async function buy(scene: Scene): Promise<void> {
  const { caller, injector, purchase } = scene;
  const plot = purchase.planned.cell.caller;
  if (plot !== null && plot !== 'narrow_fund' && plot !== 'one_balance') return plots[plot](scene);
  if (!(await caller.open())) return;
  if (purchase.tenant.scheme === 'loyalty') {
    const { fault } = purchase.planned.cell;
    if (fault.kind === 'row_lock') return cancelWhileTheRowIsLocked(scene);
    const seen = await caller.see();
    await injector.beforeTheWord(purchase);
    if (seen !== null) await caller.confirm({ seen });
  } else {
    await injector.beforeTheWord(purchase);
  }
  await caller.follow();
}

async function cancelWhileTheRowIsLocked({ caller }: Scene): Promise<void> {
  const seen = await caller.see();
  if (seen === null) return caller.follow();
  const confirmed = caller.confirm({ seen });
  await pause(500);
  await caller.press('cancel', randomUUID(), seen);
  await confirmed;
  await caller.follow();
}

type Plots = Readonly<Record<Exclude<CallerPlot, 'narrow_fund' | 'one_balance'>, (scene: Scene) => Promise<void>>>;

const plots: Plots = {
  hundred_clicks_one_key: (scene) => {
    const key = randomUUID();
    return clickOften(scene, () => key);
  },
  hundred_clicks_many_keys: (scene) => clickOften(scene, () => randomUUID()),

  async same_key_other_body(scene) {
    await whenSeen(scene, async (seen) => {
      const { caller, purchase } = scene;
      const key = randomUUID();
      await caller.confirm({ seen, key });
      const again = await caller.confirm({ seen, key });
      if (again.status >= 500 || again.code === 'idempotency_other_body') {
        purchase.complaints.push(`the same key and body again was answered ${again.status} ${again.code ?? ''}`);
      }
      const other = await caller.confirm({ seen: { ...seen, amountMinor: seen.amountMinor + 1 }, key });
      if (other.status !== 422 || other.code !== 'idempotency_other_body') {
        purchase.complaints.push(`another body under the same key was answered ${other.status} ${other.code ?? ''}`);
      }
    });
    await scene.caller.follow();
  },

  async confirm_cancel_expiry_at_once(scene) {
    const { caller, purchase } = scene;
    await whenSeen(scene, async (seen) => {
      const { invoiceId } = purchase;
      await Promise.all([
        caller.press('confirm', randomUUID(), seen),
        caller.press('cancel', randomUUID(), seen),
        scene.machines.surety.twin.editInvoice(invoiceId, { expiresAt: new Date().toISOString() }),
      ]);
    });
    await caller.follow('cancels');
  },

  async signals(scene) {
    const { machines, purchase } = scene;
    await whenSeen(scene, async (seen) => {
      const handle = machines.client.workflow.getHandle(workflowIdOf(purchase.paymentId ?? ''));
      const signal = (name: string, message: unknown) => machines.persistently(() => handle.signal(name, message));
      const actor = { kind: 'signal', id: 'backend' };
      const confirmation = (notAfter: number) => ({
        memberId: purchase.member.id,
        seen,
        actor,
        confirmationId: randomUUID(),
        notAfter,
      });
      for (const malformed of [
        null,
        [],
        'confirm',
        { seen: 7 },
        { ...confirmation(Date.now() + 60_000), notAfter: '1' },
      ]) {
        await signal('confirmPayment', malformed);
        await signal('cancelPayment', malformed);
      }
      await signal('confirmPayment', confirmation(Date.now() - 1));
      await signal('cancelPayment', { actor, reason: 'too_late', notAfter: Date.now() - 1 });
      const valid = confirmation(Date.now() + 60_000);
      await Promise.all([valid, valid, valid].map((message) => signal('confirmPayment', message)));
      await signal('confirmPayment', confirmation(Date.now() - 60_000));
    });
    await scene.caller.follow();
  },

  async two_members(scene) {
    await whenSeen(scene, async (seen) => {
      const { caller, purchase } = scene;
      const other = purchase.member.externalId === 'member-0' ? 'member-1' : 'member-0';
      await Promise.all([caller.confirm({ seen }), caller.confirm({ seen, member: other })]);
    });
    await scene.caller.follow();
  },

  async cancels_before(scene) {
    await whenSeen(scene, async () => {
      await scene.caller.cancel();
    });
    await scene.caller.follow('cancels');
  },

  async never_confirms(scene) {
    await whenSeen(scene, () => Promise.resolve());
    await scene.caller.follow('waits');
  },

  async cancels_while_turned_away(scene) {
    const { caller } = scene;
    await whenSeen(scene, async (seen) => {
      const confirmed = caller.confirm({ seen });
      const payment = await caller.untilState((state) => state === 'settling' || finalStates.includes(state));
      // Refused while the call itself is under way; it counts between two of them.
      while (payment?.state === 'settling' && !caller.isOutOfTime) {
        if ((await caller.cancel()) === 200) break;
        await pause(100);
      }
      await confirmed;
    });
    await caller.follow('cancels');
  },

  async gives_back(scene) {
    const { caller, purchase } = scene;
    if (!(await caller.open())) return;
    const seen = purchase.tenant.scheme === 'loyalty' ? await caller.see() : null;
    if (seen !== null) await caller.confirm({ seen });
    await caller.follow();
    await giveBack(scene);
    const { fault } = purchase.planned.cell;
    // Another worker has booked it meanwhile: the one that stands still has yet to come back, and must book nothing.
    while (fault.kind === 'process' && fault.how === 'freeze' && !purchase.exercised && !caller.isOutOfTime) {
      await pause(100);
    }
    if (fault.kind === 'callers' && purchase.returnIds.length > 0) purchase.exercised = true;
  },

  /** The read is stale by then, the invoice is read again, and the buyer is asked again. */
  async confirms_late(scene) {
    const { caller, injector, purchase } = scene;
    await whenSeen(scene, async (seen) => {
      await injector.beforeTheWord(purchase);
      await pause(scale.timings.freshnessMs + 100);
      await caller.confirm({ seen });
    });
    await caller.follow();
  },
};

/** Opens, and does this while the buyer sees a price. */
async function whenSeen({ caller, purchase }: Scene, act: (seen: PaymentSeen) => Promise<void>): Promise<void> {
  if (!(await caller.open())) return;
  const seen = await caller.see();
  if (seen === null) return;
  purchase.exercised = true;
  await act(seen);
}

async function clickOften(scene: Scene, key: () => string): Promise<void> {
  await whenSeen(scene, async (seen) => {
    await Promise.all(Array.from({ length: clicks }, () => scene.caller.press('confirm', key(), seen)));
  });
  await scene.caller.follow();
}
