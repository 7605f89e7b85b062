/** Sets the traps of a payment's cell: what strikes, where, and how it is known to have struck. */
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { workflowIdOf } from '../../src/workflows/messages.js';
import type { Machine, Machines, StrikeKind } from './machines.js';
import type { Cell, PostgresTrouble, SqlStep, Twist, When } from './matrix.js';
import type { Interception, Statement } from './postgresProxy.js';
import type { Purchase } from './purchase.js';
import { resetWorkflow } from './resetWorkflow.js';
import { scale } from './scale.js';
import type { ProcessKind } from './watch.js';

const editedByMinor = 1_00;

/** However long that takes on a machine that does other things besides, but no longer than this. */
async function untilOver(purchase: Purchase, withinMs: number): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (purchase.stage !== 'over' && performance.now() < deadline) await pause(50);
}

export class Injector {
  constructor(private readonly machines: Machines) {}

  /** Before the payment is opened. */
  async arrange(purchase: Purchase): Promise<void> {
    const { cell } = purchase.planned;
    const { fault } = cell;
    for (const trouble of cell.twin) await this.#twin.arrangeFault({ invoiceId: purchase.invoiceId, ...trouble });
    this.#twists(purchase, cell);
    switch (fault.kind) {
      case 'none':
      case 'callers':
        return;
      case 'process':
        if (fault.when === 'past') this.#trapPast(purchase, fault);
        else {
          this.#trap(purchase, fault.who, fault.at, fault.when, (machine) =>
            this.#strike(purchase, machine, fault.how, 'soon'),
          );
        }
        return;
      case 'call':
        await this.#twin.arrangeFault({
          invoiceId: purchase.invoiceId,
          operation: fault.operation,
          kind: 'pause',
          when: fault.when,
        });
        void this.#duringCall(purchase, fault);
        return;
      case 'twin_down':
        this.#trap(purchase, 'worker', 'payment_attempt_begin', 'before', async () => {
          if (fault.how === 'refuses') await this.machines.gate.shutUntil(untilOver(purchase, fault.forMs));
          else await this.machines.troubleTwin(fault.how, fault.forMs);
          return 'go_on';
        });
        return;
      case 'api_waits':
        // The worker's statement waits until the API that asked is down.
        this.#trap(purchase, 'worker', fault.forStep, 'before', async () => {
          await Promise.all(this.machines.apis.map((api) => this.#strike(purchase, api, fault.how, 'soon')));
          return 'go_on';
        });
        return;
      case 'postgres':
        this.#postgres(purchase, fault.how, fault.at);
        return;
      case 'row_lock':
        this.#rowLock(purchase);
        return;
      case 'temporal':
        if (fault.at !== 'waiting') {
          this.#trap(purchase, 'worker', fault.at, 'past', async () => {
            await this.machines.stopTemporal(scale.temporalAwayMs);
            return 'go_on';
          });
        }
        return;
      case 'twin':
        return;
      case 'operator':
        if (fault.at !== 'waiting') this.#operator(purchase, fault.act, fault.at);
        return;
      case 'clock':
        await this.machines.shiftWorkerClock(fault.fast);
        return;
    }
  }

  /** Between what the buyer sees and his word. */
  async beforeTheWord(purchase: Purchase): Promise<void> {
    const { cell } = purchase.planned;
    if (cell.between !== null && cell.scheme === 'loyalty') {
      await this.#twist(purchase, cell.between);
      purchase.exercised = true;
    }
    const { fault } = cell;
    if (fault.kind === 'temporal' && fault.at === 'waiting') {
      void this.machines.stopTemporal(scale.temporalAwayMs);
      purchase.exercised = true;
    }
    if (fault.kind === 'operator' && fault.at === 'waiting') {
      await this.#act(workflowIdOf(paymentIdOf(purchase)), fault.act);
      // A confirm in the same instant may win over a cancel (its own cell); this one is about the cancel alone.
      if (fault.act === 'cancel') await this.#untilOver(purchase);
      purchase.exercised = true;
    }
  }

  async #untilOver(purchase: Purchase): Promise<void> {
    const handle = this.machines.client.workflow.getHandle(workflowIdOf(paymentIdOf(purchase)));
    await this.machines.persistently(() => handle.result());
  }

  /** When the caller has finished: what can only be seen from what happened. */
  async judge(purchase: Purchase): Promise<void> {
    const { cell } = purchase.planned;
    const { fault } = cell;
    if (fault.kind === 'none' || Object.keys(cell.raw).length > 0) purchase.exercised = true;
    if (fault.kind === 'twin' && cell.twin.length > 0) {
      const twisted = cell.whenUnknown === null || purchase.exercised;
      purchase.exercised = twisted && (await this.#allTroubleMet(purchase, cell));
    }
    if (fault.kind === 'clock') {
      purchase.exercised = purchase.trail.sightings.some(
        ({ from, name }) => from === 'worker-2' && (name === 'payment_attempt_begin' || name === 'payment_quote'),
      );
    }
    purchase.trail.clearTraps();
  }

  async #allTroubleMet(purchase: Purchase, cell: Cell): Promise<boolean> {
    const requests = await this.#twin.requests(purchase.invoiceId);
    return (['read', 'confirm'] as const).every(
      (operation) =>
        requests.filter((request) => request.operation === operation).length >=
        cell.twin.filter((trouble) => trouble.operation === operation).length,
    );
  }

  get #twin() {
    return this.machines.surety.twin;
  }

  /** `act` says what becomes of the statement; it is marked as met before anything is done. */
  #trap(
    purchase: Purchase,
    from: ProcessKind,
    name: SqlStep,
    when: When,
    act: (machine: Machine) => Promise<'go_on' | 'lost'>,
  ): void {
    const spring = (statement: Statement): Interception => {
      const machine = this.machines.named(statement.from);
      const strike = async () => {
        try {
          const verdict = await act(machine);
          purchase.exercised = true;
          return verdict;
        } catch (error) {
          // A neighbour's fault was quicker (the invoice is paid already, Temporal is away): this one has not happened.
          purchase.stage = `missed: ${String(error)}`;
          return 'go_on';
        }
      };
      switch (when) {
        case 'before':
          return { when, act: async () => ((await strike()) === 'lost' ? 'drop' : 'go_on') };
        case 'after':
          return { when, act: async () => ((await strike()) === 'lost' ? 'cut' : 'go_on') };
        case 'past':
          return {
            when,
            hold: () => Promise.resolve(),
            act: () => {
              void strike();
            },
          };
      }
    };
    purchase.trail.setTrap({ from, name, spring });
  }

  /** The statement goes on when the shared strike is ripe, and the strike comes once it is answered. */
  #trapPast(purchase: Purchase, { who, at, how }: Cell['fault'] & { kind: 'process' }): void {
    const spring = (statement: Statement): Interception => {
      const machine = this.machines.named(statement.from);
      const answered = new AbortController();
      return {
        when: 'past',
        hold: async () => {
          const joint = await machine.join(how, 'soon');
          joint.before.push(once(answered.signal, 'abort'));
          void this.#afterwards(purchase, machine, joint);
          await joint.ripe;
        },
        act: () => {
          purchase.exercised = true;
          answered.abort();
        },
      };
    };
    purchase.trail.setTrap({ from: who, name: at, spring });
  }

  async #strike(
    purchase: Purchase,
    machine: Machine,
    how: StrikeKind,
    when: 'soon' | 'now',
  ): Promise<'go_on' | 'lost'> {
    return this.#afterwards(purchase, machine, await machine.join(how, when));
  }

  async #afterwards(
    purchase: Purchase,
    machine: Machine,
    { how, done }: Awaited<ReturnType<Machine['join']>>,
  ): Promise<'go_on' | 'lost'> {
    await done;
    if (how === 'freeze') return 'go_on';
    const at = performance.now();
    if (machine.kind === 'worker') {
      const dueAt = purchase.trail.nextProbeAt - performance.timeOrigin;
      const strike = { at, dueAt, workerReadyAt: Infinity };
      purchase.strikes.push(strike);
      void this.machines.untilSomeWorkerIsReady().then(() => {
        strike.workerReadyAt = performance.now();
      });
    }
    return 'lost';
  }

  async #duringCall(purchase: Purchase, fault: Cell['fault'] & { kind: 'call' }): Promise<void> {
    const { operation, how } = fault;
    for (;;) {
      const requests = await this.#twin.requests(purchase.invoiceId);
      if (requests.some((request) => request.operation === operation && request.paused)) break;
      if (purchase.stage === 'over') return;
      await pause(25);
    }
    const stoppedAt = performance.now();
    const caller = purchase.trail.sightings.findLast(({ name }) => name === 'payment_attempt_begin')?.from;
    const machines =
      operation === 'read' || caller === undefined ? this.machines.workers : [this.machines.named(caller)];
    const resume = async () => {
      // Later than that the caller has given the call up already.
      purchase.exercised = performance.now() - stoppedAt < scale.callGivenUpAfterMs;
      await this.#twin.resume(purchase.invoiceId, operation);
    };
    if (how === 'terminate') {
      for (const machine of machines) machine.terminate();
      await resume();
      return;
    }
    const struck = Promise.all(machines.map((machine) => this.#strike(purchase, machine, how, 'now')));
    if (how === 'kill') await struck;
    await resume();
    await struck;
  }

  #postgres(purchase: Purchase, how: PostgresTrouble, at: SqlStep): void {
    const trap = (when: When, act: () => Promise<'go_on' | 'lost'>) => {
      this.#trap(purchase, 'worker', at, when, act);
    };
    switch (how) {
      case 'restart':
        // Committed, then the server dies with the acknowledgement.
        trap('after', async () => {
          await this.machines.crashPostgres();
          return 'lost';
        });
        return;
      case 'terminate':
        trap('before', async () => {
          await this.machines.terminateConnections();
          return 'lost';
        });
        return;
      case 'lost_acknowledgement':
        trap('after', () => Promise.resolve('lost'));
        return;
      case 'read_only':
        trap('before', async () => {
          await this.machines.readOnly(scale.readOnlyMs);
          return 'go_on';
        });
        return;
      case 'serialization_failure':
      case 'deadlock':
      case 'read_only_error':
      case 'too_many_connections':
        purchase.trail.setTrap({
          from: 'worker',
          name: at,
          spring: () => ({
            when: 'before',
            act: () => {
              purchase.exercised = true;
              return Promise.resolve({ sqlState: sqlStates[how] });
            },
          }),
        });
    }
  }

  /** The hold waits for the row while the buyer cancels. */
  #rowLock(purchase: Purchase): void {
    this.#trap(purchase, 'worker', 'payment_hold', 'before', async () => {
      const client = await this.machines.surety.admin.connect();
      await client.query('BEGIN');
      await client.query('SELECT FROM payment WHERE id = $1 FOR UPDATE', [[...purchase.trail.paymentIds][0]]);
      // Longer than the cancel takes, shorter than the statement's time (10 s).
      void pause(2_000).then(async () => {
        await client.query('COMMIT');
        client.release();
      });
      return 'go_on';
    });
  }

  #twists(purchase: Purchase, { whenUnknown, between, scheme }: Cell): void {
    const at = (step: SqlStep, twist: Twist) => {
      this.#trap(purchase, 'worker', step, 'before', async () => {
        await this.#twist(purchase, twist);
        return 'go_on';
      });
    };
    if (whenUnknown !== null) at('payment_unproven', whenUnknown);
    // An organisation's payment waits for nobody's word.
    if (between !== null && scheme === 'organisation') at('payment_attempt_begin', between);
  }

  async #twist(purchase: Purchase, twist: Twist): Promise<void> {
    const { invoiceId, amountMinor } = purchase;
    switch (twist) {
      case 'paid_elsewhere':
        await this.#twin.payInvoiceElsewhere(invoiceId);
        return;
      case 'canceled':
        await this.#twin.cancelInvoice(invoiceId);
        return;
      case 'edited':
        await this.#twin.editInvoice(invoiceId, { amountMinor: amountMinor + editedByMinor });
        return;
      case 'other_currency':
        await this.#twin.editInvoice(invoiceId, { currency: 'USD' });
        return;
      case 'partial':
        await this.#twin.editInvoice(invoiceId, { status: 'partial' });
        return;
      case 'expired':
        await this.#twin.editInvoice(invoiceId, { expiresAt: new Date(Date.now() - 1_000).toISOString() });
    }
  }

  #operator(
    purchase: Purchase,
    act: 'terminate' | 'cancel' | 'reset',
    at: 'before_call' | 'during_call' | 'unknown' | 'giving_back',
  ): void {
    const [step, when] = (
      {
        before_call: ['payment_attempt_begin', 'before'],
        during_call: ['payment_attempt_begin', 'past'],
        unknown: ['payment_unproven', 'past'],
        giving_back: ['payment_return_book', 'before'],
      } as const
    )[at];
    this.#trap(purchase, 'worker', step, when, async () => {
      await this.#act(
        at === 'giving_back' ? `return-${purchase.returnIds[0] ?? ''}` : workflowIdOf(paymentIdOf(purchase)),
        act,
      );
      return 'go_on';
    });
  }

  async #act(workflowId: string, act: 'terminate' | 'cancel' | 'reset'): Promise<void> {
    const handle = this.machines.client.workflow.getHandle(workflowId);
    await this.machines.persistently(async () => {
      switch (act) {
        case 'terminate':
          await handle.terminate('the fault run');
          return;
        case 'cancel':
          await handle.cancel();
          return;
        case 'reset':
          await resetWorkflow(this.machines.client, workflowId);
      }
    });
  }
}

/** Known to the caller, or seen on its way while the caller still waits. */
const paymentIdOf = ({ paymentId, trail }: Purchase): string => paymentId ?? [...trail.paymentIds][0] ?? '';

const sqlStates = {
  serialization_failure: '40001',
  deadlock: '40P01',
  read_only_error: '25006',
  too_many_connections: '53300',
} as const;
