/** Every cell of the fault run: one fault at one step, and the ends that a payment hit by it may come to. */
import type { Scheme } from '../../src/domain/payment.js';
import type { TwinFault } from '../../scripts/twin.js';
import { scale } from './scale.js';
import type { TenantKind } from './tenants.js';
import type { ProcessKind } from './watch.js';

/** `state` or `state:reason`, as the payment's row says it at the end. */
export type End = string;

/** Functions of the ledger and of the API, at whose statement something can strike. */
export type SqlStep =
  | 'payment_open'
  | 'payment_quote'
  | 'payment_hold'
  | 'payment_attempt_begin'
  | 'payment_attempt_finish'
  | 'payment_capture'
  | 'payment_close'
  | 'payment_unproven'
  | 'payment_return_open'
  | 'approval_decide'
  | 'payment_return_work'
  | 'payment_return_book'
  | 'idempotency_begin'
  | 'idempotency_finish';

/** Before the effect; after it, before its acknowledgement; after that. */
export type When = 'before' | 'after' | 'past';

/** What happens to the invoice at the twin while it is being paid. */
export type Twist = 'paid_elsewhere' | 'canceled' | 'edited' | 'other_currency' | 'partial' | 'expired';

export type CallerPlot =
  | 'hundred_clicks_one_key'
  | 'hundred_clicks_many_keys'
  | 'same_key_other_body'
  | 'confirm_cancel_expiry_at_once'
  | 'signals'
  | 'two_members'
  | 'one_balance'
  | 'narrow_fund'
  | 'cancels_before'
  | 'never_confirms'
  | 'cancels_while_turned_away'
  | 'gives_back'
  | 'confirms_late';

type Fault =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'process';
      readonly how: 'kill' | 'freeze';
      readonly who: ProcessKind;
      readonly at: SqlStep;
      readonly when: When;
    }
  /** While a call is stopped at the twin, before or after it acts. A read takes both workers along. */
  | {
      readonly kind: 'call';
      readonly how: 'kill' | 'freeze' | 'terminate';
      readonly operation: 'read' | 'confirm';
      readonly when: 'before' | 'after';
    }
  /** The twin refuses connections until the payment is over, or cuts them for so long, from the moment when the pivot call is ordered. */
  | { readonly kind: 'twin_down'; readonly how: 'refuses' | 'cuts' | 'closes_idle'; readonly forMs: number }
  /** An API dies or freezes while it waits for what a worker is about to do. */
  | { readonly kind: 'api_waits'; readonly how: 'kill' | 'freeze'; readonly forStep: 'payment_quote' | 'payment_hold' }
  | { readonly kind: 'postgres'; readonly how: PostgresTrouble; readonly at: SqlStep }
  /** A stranger locks the payment's row, so that the hold comes after the buyer has cancelled. */
  | { readonly kind: 'row_lock' }
  | { readonly kind: 'temporal'; readonly at: 'waiting' | SqlStep }
  | { readonly kind: 'twin' }
  | {
      readonly kind: 'operator';
      readonly act: 'terminate' | 'cancel' | 'reset';
      readonly at: 'waiting' | 'before_call' | 'during_call' | 'unknown' | 'giving_back';
    }
  | { readonly kind: 'clock'; readonly fast: boolean }
  | { readonly kind: 'callers' };

export type PostgresTrouble =
  | 'restart'
  | 'terminate'
  | 'lost_acknowledgement'
  | 'serialization_failure'
  | 'deadlock'
  | 'read_only_error'
  | 'too_many_connections'
  | 'read_only';

/** Trouble at the twin, without the invoice that it is for. */
type TwinTrouble = WithoutInvoice<TwinFault>;
type WithoutInvoice<T> = T extends unknown ? Omit<T, 'invoiceId'> : never;

export interface Cell {
  readonly id: string;
  readonly scheme: Scheme;
  readonly fault: Fault;
  /** Of the table: what strikes, and where. */
  readonly faultName: string;
  readonly step: string;
  readonly ends: readonly End[];
  readonly tenant: TenantKind;
  readonly twin: readonly TwinTrouble[];
  /** Properties of the invoice that the twin sends exactly so. */
  readonly raw: Readonly<Record<string, unknown>>;
  /** Happens to the invoice between the read that the buyer sees and his word. */
  readonly between: Twist | null;
  /** Happens to the invoice once the outcome of the pivot call is unknown. */
  readonly whenUnknown: Twist | null;
  readonly caller: CallerPlot | null;
  /** Strikes everybody, or takes long: dealt once, never drawn again. */
  readonly heavy: boolean;
}

type Draft = Pick<Cell, 'scheme' | 'fault' | 'faultName' | 'step'> & Partial<Omit<Cell, 'id'>>;

function cell(draft: Draft): Cell {
  return {
    id: `${draft.faultName}@${draft.step}/${draft.scheme}`.replaceAll(' ', '_'),
    ends: ['paid'],
    tenant: 'plain',
    twin: [],
    raw: {},
    between: null,
    whenUnknown: null,
    caller: null,
    heavy: false,
    ...draft,
  };
}

/** Each case takes the next scheme, so that both meet every kind of fault without doubling the run. */
function alternating(): () => Scheme {
  let turn = 0;
  return () => (turn++ % 2 === 0 ? 'loyalty' : 'organisation');
}

const refused = { operation: 'confirm', kind: 'refuse', status: 422, code: 'limit_reached' } as const;
const cutAfter = { operation: 'confirm', kind: 'cut_after' } as const;
const unavailable = { operation: 'confirm', kind: 'error_before', status: 503 } as const;

/** What makes a payment come to a step that a healthy one never reaches. */
function roadTo(step: SqlStep): Pick<Cell, 'ends' | 'twin'> {
  switch (step) {
    case 'payment_close':
      return { twin: [refused], ends: ['declined:refused'] };
    case 'payment_unproven':
      return { twin: [cutAfter], ends: ['paid'] };
    case 'payment_open':
    case 'payment_quote':
    case 'payment_hold':
    case 'payment_attempt_begin':
    case 'payment_attempt_finish':
    case 'payment_capture':
    case 'payment_return_open':
    case 'approval_decide':
    case 'payment_return_work':
    case 'payment_return_book':
    case 'idempotency_begin':
    case 'idempotency_finish':
      return { twin: [], ends: ['paid'] };
  }
}

const stepName = (step: SqlStep): string => step.replace(/^payment_/, '');
const whens: readonly When[] = ['before', 'after', 'past'];
const workerSteps: readonly SqlStep[] = [
  'payment_quote',
  'payment_hold',
  'payment_attempt_begin',
  'payment_attempt_finish',
  'payment_capture',
  'payment_close',
  'payment_unproven',
];
const apiSteps: readonly SqlStep[] = ['payment_open', 'idempotency_begin', 'idempotency_finish'];

function healthy(): Cell[] {
  return (['loyalty', 'organisation'] as const).map((scheme) =>
    cell({ scheme, fault: { kind: 'none' }, faultName: 'nothing', step: 'anywhere' }),
  );
}

function processes(): Cell[] {
  const next = alternating();
  const cells: Cell[] = [];
  for (const [who, steps] of [
    ['worker', workerSteps],
    ['api', apiSteps],
  ] as const) {
    for (const how of ['kill', 'freeze'] as const) {
      for (const at of steps) {
        for (const when of whens) {
          cells.push(
            cell({
              scheme: next(),
              fault: { kind: 'process', how, who, at, when },
              faultName: `${how} ${who}`,
              step: `${when} ${stepName(at)}`,
              ...roadTo(at),
              heavy: true,
            }),
          );
        }
      }
    }
  }
  for (const how of ['kill', 'freeze'] as const) {
    for (const forStep of ['payment_quote', 'payment_hold'] as const) {
      cells.push(
        cell({
          scheme: 'loyalty',
          fault: { kind: 'api_waits', how, forStep },
          faultName: `${how} api`,
          step: forStep === 'payment_quote' ? 'waiting for open' : 'waiting for confirm',
          heavy: true,
        }),
      );
    }
  }
  for (const [how, operation, when] of [
    ['kill', 'confirm', 'before'],
    ['kill', 'confirm', 'after'],
    ['freeze', 'confirm', 'before'],
    ['freeze', 'confirm', 'after'],
    ['terminate', 'confirm', 'before'],
    ['terminate', 'confirm', 'after'],
    ['kill', 'read', 'before'],
    ['kill', 'read', 'after'],
  ] as const) {
    cells.push(
      cell({
        scheme: next(),
        fault: { kind: 'call', how, operation, when },
        faultName: operation === 'read' ? `${how} both workers` : `${how} worker`,
        step: `${when} the twin acts on the ${operation}`,
        heavy: true,
      }),
    );
  }
  return cells;
}

function postgres(): Cell[] {
  const next = alternating();
  const cells: Cell[] = [];
  const steps = ['payment_hold', 'payment_attempt_begin', 'payment_capture', 'payment_close'] as const;
  const troubles = [
    'restart',
    'terminate',
    'lost_acknowledgement',
    'serialization_failure',
    'deadlock',
    'read_only_error',
    'too_many_connections',
  ] as const;
  for (const how of troubles) {
    for (const at of steps) {
      cells.push(
        cell({
          scheme: next(),
          fault: { kind: 'postgres', how, at },
          faultName: `postgres ${how}`,
          step: stepName(at),
          ...roadTo(at),
          heavy: how === 'restart' || how === 'terminate',
        }),
      );
    }
  }
  for (const at of ['payment_hold', 'payment_capture'] as const) {
    cells.push(
      cell({
        scheme: next(),
        fault: { kind: 'postgres', how: 'read_only', at },
        faultName: 'postgres read_only for a second',
        step: stepName(at),
        heavy: true,
      }),
    );
  }
  cells.push(
    cell({
      scheme: 'loyalty',
      fault: { kind: 'row_lock' },
      faultName: 'postgres row lock',
      step: 'hold',
      ends: ['paid', 'cancelled'],
    }),
  );
  return cells;
}

function temporal(): Cell[] {
  const next = alternating();
  return (
    [
      ['waiting', 'loyalty'],
      ['payment_hold', next()],
      ['payment_attempt_begin', next()],
      ['payment_capture', next()],
      ['payment_unproven', next()],
    ] as const
  ).map(([at, scheme]) =>
    cell({
      scheme,
      fault: { kind: 'temporal', at },
      faultName: 'temporal stopped',
      step: at === 'waiting' ? at : stepName(at),
      ...(at === 'waiting' ? {} : roadTo(at)),
      heavy: true,
    }),
  );
}

type TwinDraft = readonly [faultName: string, change: Partial<Omit<Cell, 'id' | 'scheme' | 'fault'>>];

const on = (operation: 'read' | 'confirm', status: number, code: string, times = 1): TwinTrouble => ({
  operation,
  kind: 'refuse',
  status,
  code,
  times,
});
const garbled = (
  operation: 'read' | 'confirm',
  body: 'truncated' | 'malformed' | 'huge' | 'empty',
  acts = true,
): TwinTrouble => ({
  operation,
  kind: 'garbled',
  body,
  acts,
});

const reads: readonly TwinDraft[] = [
  ['slow before', { twin: [{ operation: 'read', kind: 'delay', delayMs: 1_500 }] }],
  ['slow after', { twin: [{ operation: 'read', kind: 'delay_after', delayMs: 1_500 }] }],
  ['5xx', { twin: [{ operation: 'read', kind: 'error_before', status: 502 }] }],
  ['cut', { twin: [{ operation: 'read', kind: 'cut_before' }] }],
  ['truncated', { twin: [garbled('read', 'truncated')] }],
  ['malformed', { twin: [garbled('read', 'malformed')] }],
  ['huge', { twin: [garbled('read', 'huge')] }],
  ['empty', { twin: [garbled('read', 'empty')] }],
  ['429', { twin: [on('read', 429, 'too_many_requests')] }],
  [
    '429 with Retry-After',
    { twin: [{ operation: 'read', kind: 'refuse', status: 429, code: 'too_many_requests', retryAfter: '1' }] },
  ],
  ['404', { twin: [on('read', 404, 'not_found')], ends: ['declined:invoice_not_found'] }],
  ['401', { twin: [on('read', 401, 'unauthorized')], ends: ['declined:credentials'] }],
  [
    '5xx for longer than we wait',
    {
      twin: [{ operation: 'read', kind: 'error_before', status: 503, times: 1_000 }],
      tenant: 'hasty',
      ends: ['declined:gave_up'],
    },
  ],
];

const confirms: readonly TwinDraft[] = [
  ['slow before', { twin: [{ operation: 'confirm', kind: 'delay', delayMs: 1_900 }] }],
  ['slow after', { twin: [{ operation: 'confirm', kind: 'delay_after', delayMs: 1_900 }] }],
  ['executes late', { twin: [{ operation: 'confirm', kind: 'delay', delayMs: 3_000 }] }],
  ['500 before', { twin: [{ operation: 'confirm', kind: 'error_before', status: 500 }] }],
  ['503 before', { twin: [unavailable] }],
  ['500 after', { twin: [{ operation: 'confirm', kind: 'error_after', status: 500 }] }],
  ['504 after', { twin: [{ operation: 'confirm', kind: 'error_after', status: 504 }] }],
  ['cut before', { twin: [{ operation: 'confirm', kind: 'cut_before' }] }],
  ['cut after', { twin: [cutAfter] }],
  ['truncated', { twin: [garbled('confirm', 'truncated')] }],
  ['malformed', { twin: [garbled('confirm', 'malformed')] }],
  ['huge', { twin: [garbled('confirm', 'huge')] }],
  ['empty, not executed', { twin: [garbled('confirm', 'empty', false)] }],
  ['malformed, not executed', { twin: [garbled('confirm', 'malformed', false)] }],
  ['wrong operation id', { twin: [{ operation: 'confirm', kind: 'wrong_operation_id', acts: true }] }],
  ['wrong operation id, not executed', { twin: [{ operation: 'confirm', kind: 'wrong_operation_id', acts: false }] }],
  ['no transaction id', { twin: [{ operation: 'confirm', kind: 'no_transaction_id', acts: true }] }],
  ['no transaction id, not executed', { twin: [{ operation: 'confirm', kind: 'no_transaction_id', acts: false }] }],
  ['408', { twin: [on('confirm', 408, 'timeout')] }],
  ['409', { twin: [on('confirm', 409, 'conflict')] }],
  ['429 storm', { twin: [on('confirm', 429, 'too_many_requests', 3)] }],
  [
    '429 storm with Retry-After',
    {
      twin: [
        { operation: 'confirm', kind: 'refuse', status: 429, code: 'too_many_requests', retryAfter: '20', times: 3 },
      ],
    },
  ],
  ['out_of_service once', { twin: [on('confirm', 422, 'out_of_service')] }],
  [
    'out_of_service for longer than we wait',
    { twin: [on('confirm', 422, 'out_of_service', 1_000)], tenant: 'hasty', ends: ['declined:gave_up'] },
  ],
  ['refused', { twin: [refused], ends: ['declined:refused'] }],
  ['refused by 404', { twin: [on('confirm', 404, 'not_found')], ends: ['declined:refused'] }],
  ['refused by a 2xx', { twin: [on('confirm', 200, 'wrongCode')], ends: ['declined:refused'] }],
  ['2xx alreadyPaid', { twin: [on('confirm', 200, 'alreadyPaid')], ends: ['declined:paid_elsewhere'] }],
  [
    'for want of money',
    { twin: [on('confirm', 422, 'notEnoughMoney')], tenant: 'flagged', ends: ['declined:refused'] },
  ],
  ['401', { twin: [on('confirm', 401, 'unauthorized')], tenant: 'flagged', ends: ['declined:credentials'] }],
  ['403', { twin: [on('confirm', 403, 'forbidden')], tenant: 'flagged', ends: ['declined:credentials'] }],
  [
    'signature_error',
    { twin: [on('confirm', 422, 'signature_error')], tenant: 'flagged', ends: ['declined:credentials'] },
  ],
];

/** The call had worked, and its answer was lost: whatever its repeat is told, nothing may be released. */
const repeats: readonly TwinDraft[] = [
  ['422', { twin: [cutAfter, refused] }],
  ['for want of money', { twin: [cutAfter, on('confirm', 422, 'notEnoughMoney')] }],
  ['401', { twin: [cutAfter, on('confirm', 401, 'unauthorized')] }],
  ['403', { twin: [cutAfter, on('confirm', 403, 'forbidden')] }],
  ['404', { twin: [cutAfter, on('confirm', 404, 'not_found')] }],
  ['wrong_order_status', { twin: [cutAfter, on('confirm', 422, 'wrong_order_status')] }],
  ['429', { twin: [cutAfter, on('confirm', 429, 'too_many_requests')] }],
  ['out_of_service', { twin: [cutAfter, on('confirm', 422, 'out_of_service')] }],
  ['500', { twin: [cutAfter, { operation: 'confirm', kind: 'error_before', status: 500 }] }],
  ['cut again', { twin: [cutAfter, cutAfter] }],
  ['2xx refusal', { twin: [cutAfter, on('confirm', 200, 'wrongCode')] }],
  [
    'invoice_already_paid',
    {
      twin: [cutAfter, on('confirm', 422, 'invoice_already_paid')],
      ends: ['in_review:already_paid_after_unknown'],
    },
  ],
  [
    'an account that says so to every repeat',
    { twin: [cutAfter], tenant: 'strict', ends: ['in_review:already_paid_after_unknown'] },
  ],
];

const twists: readonly TwinDraft[] = [
  ['paid elsewhere', { between: 'paid_elsewhere', ends: ['declined:paid_elsewhere'], step: 'before confirm' }],
  ['canceled', { between: 'canceled', ends: ['declined:invoice_canceled'], step: 'before confirm' }],
  ['partly paid', { between: 'partial', ends: ['declined:invoice_partial'], step: 'before confirm' }],
  ['expired', { between: 'expired', ends: ['declined:invoice_expired', 'expired'], step: 'before confirm' }],
  [
    'paid elsewhere',
    {
      twin: [unavailable],
      whenUnknown: 'paid_elsewhere',
      ends: ['in_review:already_paid_after_unknown'],
      step: 'while unknown',
    },
  ],
  [
    'canceled',
    { twin: [unavailable], whenUnknown: 'canceled', ends: ['declined:invoice_canceled'], step: 'while unknown' },
  ],
  [
    'amount edited',
    { twin: [unavailable], whenUnknown: 'edited', ends: ['in_review:changed_after_unknown'], step: 'while unknown' },
  ],
  [
    'currency edited',
    {
      twin: [unavailable],
      whenUnknown: 'other_currency',
      ends: ['in_review:changed_after_unknown'],
      step: 'while unknown',
    },
  ],
  [
    'partly paid',
    { twin: [unavailable], whenUnknown: 'partial', ends: ['in_review:partial_after_unknown'], step: 'while unknown' },
  ],
  ['expired', { twin: [unavailable], whenUnknown: 'expired', ends: ['expired'], step: 'while unknown' }],
];

function twin(): Cell[] {
  const next = alternating();
  const draw = (step: string, prefix: string, drafts: readonly TwinDraft[]) =>
    drafts.map(([name, change]) =>
      cell({ scheme: next(), fault: { kind: 'twin' }, faultName: `${prefix} ${name}`, step, ...change }),
    );
  return [
    ...draw('read', 'twin', reads),
    ...draw('confirm', 'twin', confirms),
    ...draw('repeat of a confirm that had worked', 'twin', repeats),
    ...draw('', 'invoice', twists),
    ...(['loyalty', 'organisation'] as const).map((scheme) =>
      cell({
        scheme,
        fault: { kind: 'twin_down', how: 'refuses', forMs: 10 * scale.hastyGiveUpAfterMs },
        faultName: 'twin down for longer than we wait',
        step: 'confirm',
        tenant: 'hasty',
        ends: ['declined:gave_up'],
        heavy: true,
      }),
    ),
    cell({
      scheme: 'organisation',
      fault: { kind: 'twin_down', how: 'cuts', forMs: scale.twinCutsMs },
      faultName: 'twin cuts every connection',
      step: 'confirm',
      heavy: true,
    }),
    cell({
      scheme: 'loyalty',
      fault: { kind: 'twin' },
      faultName: 'invoice amount edited',
      step: 'before a stale read',
      between: 'edited',
      caller: 'confirms_late',
    }),
    cell({
      scheme: 'loyalty',
      fault: { kind: 'twin' },
      faultName: 'invoice currency edited',
      step: 'before a stale read',
      between: 'other_currency',
      caller: 'confirms_late',
      ends: ['declined:currency_unsupported'],
    }),
    ...(['loyalty', 'organisation'] as const).map((scheme) =>
      cell({
        scheme,
        fault: { kind: 'twin' },
        faultName: 'twin NUL and lone surrogates in texts',
        step: 'read',
        raw: { description: 'a\u0000b\ud800c', number: '\udc00N\u0000' },
      }),
    ),
    cell({
      scheme: 'loyalty',
      fault: { kind: 'twin_down', how: 'closes_idle', forMs: scale.twinClosesIdleMs },
      faultName: 'twin closes idle sockets under load',
      step: 'confirm',
      heavy: true,
    }),
    // The window that docs/guarantees.md names: the call carries no amount.
    cell({
      scheme: 'loyalty',
      fault: { kind: 'twin' },
      faultName: 'invoice amount edited',
      step: 'after the last read (stated window)',
      between: 'edited',
    }),
  ];
}

function operators(): Cell[] {
  const next = alternating();
  const cells: Cell[] = [];
  for (const act of ['terminate', 'cancel', 'reset'] as const) {
    for (const at of ['waiting', 'before_call', 'during_call', 'unknown'] as const) {
      cells.push(
        cell({
          scheme: at === 'waiting' ? 'loyalty' : next(),
          fault: { kind: 'operator', act, at },
          faultName: `operator's ${act}`,
          step: at.replace('_', ' '),
          ends: act === 'cancel' && at === 'waiting' ? ['cancelled'] : ['paid'],
          twin:
            at === 'during_call'
              ? [{ operation: 'confirm', kind: 'delay', delayMs: 900 }]
              : at === 'unknown'
                ? [unavailable]
                : [],
        }),
      );
    }
  }
  return cells;
}

function clocks(): Cell[] {
  return [true, false].map((fast) =>
    cell({
      scheme: fast ? 'loyalty' : 'organisation',
      fault: { kind: 'clock', fast },
      faultName: `worker's clock an hour ${fast ? 'fast' : 'slow'}`,
      step: 'a call to Invoicebox',
    }),
  );
}

function callers(): Cell[] {
  const plots: readonly (readonly [CallerPlot, string, Partial<Cell>])[] = [
    ['hundred_clicks_one_key', 'confirm', {}],
    ['hundred_clicks_many_keys', 'confirm', {}],
    ['same_key_other_body', 'confirm', {}],
    [
      'confirm_cancel_expiry_at_once',
      'confirm',
      { ends: ['paid', 'cancelled', 'expired', 'declined:invoice_expired'] },
    ],
    ['signals', 'confirm', {}],
    ['two_members', 'confirm', {}],
    ['one_balance', 'hold', { ends: ['paid', 'cancelled'], heavy: true }],
    ['narrow_fund', 'hold', { ends: ['paid', 'cancelled'], tenant: 'narrow', heavy: true }],
    ['cancels_before', 'waiting', { ends: ['cancelled'] }],
    // Expired already at its first read, where that came late: then it was never seen, and another one is paid.
    ['never_confirms', 'waiting', { ends: ['expired', 'declined:invoice_expired'] }],
    [
      'cancels_while_turned_away',
      'confirm',
      {
        ends: ['cancelled'],
        twin: [on('confirm', 422, 'out_of_service', 1_000)],
      },
    ],
  ];
  return [
    ...plots.map(([caller, step, change]) =>
      cell({
        scheme: 'loyalty',
        fault: { kind: 'callers' },
        faultName: caller.replaceAll('_', ' '),
        step,
        caller,
        ...change,
      }),
    ),
    cell({
      scheme: 'organisation',
      fault: { kind: 'callers' },
      faultName: 'narrow fund',
      step: 'hold',
      caller: 'narrow_fund',
      tenant: 'narrow',
      ends: ['paid', 'declined:insufficient_fund'],
      heavy: true,
    }),
  ];
}

/** A paid payment is given back, and something strikes between the request, the approval and the booking. */
function returns(): Cell[] {
  const next = alternating();
  const giving = (faultName: string, step: string, fault: Fault, heavy = true) =>
    cell({ scheme: next(), fault, faultName, step: `return, ${step}`, caller: 'gives_back', heavy });
  const cells: Cell[] = [
    giving('nothing', 'anywhere', { kind: 'callers' }, false),
    giving('nothing', 'of an organisation', { kind: 'callers' }, false),
  ];
  for (const [who, at] of [
    ['api', 'payment_return_open'],
    ['api', 'approval_decide'],
    ['worker', 'payment_return_book'],
  ] as const) {
    for (const when of whens) {
      const fault = { kind: 'process', how: 'kill', who, at, when } as const;
      cells.push(giving(`kill ${who}`, `${when} ${stepName(at)}`, fault));
    }
  }
  cells.push(
    giving('kill worker', 'before return_work', {
      ...{ kind: 'process', how: 'kill', who: 'worker', at: 'payment_return_work', when: 'before' },
    }),
    giving('freeze worker', 'before return_book', {
      ...{ kind: 'process', how: 'freeze', who: 'worker', at: 'payment_return_book', when: 'before' },
    }),
    giving('temporal stopped', 'past return_work', { kind: 'temporal', at: 'payment_return_work' }),
  );
  for (const how of ['restart', 'terminate', 'lost_acknowledgement', 'serialization_failure', 'deadlock'] as const) {
    const fault = { kind: 'postgres', how, at: 'payment_return_book' } as const;
    cells.push(giving(`postgres ${how}`, 'return_book', fault, how === 'restart' || how === 'terminate'));
  }
  for (const act of ['terminate', 'cancel', 'reset'] as const) {
    cells.push(giving(`operator's ${act}`, 'before return_book', { kind: 'operator', act, at: 'giving_back' }, false));
  }
  return cells;
}

export const matrix: readonly Cell[] = [
  ...healthy(),
  ...processes(),
  ...postgres(),
  ...temporal(),
  ...twin(),
  ...operators(),
  ...clocks(),
  ...callers(),
  ...returns(),
];
