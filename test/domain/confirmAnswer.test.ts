/** The table of outcomes (design.md, section 2): one test a row, in its order, and what holds for every answer. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { attemptClassOf, meaningOf, type ConfirmAnswer } from '../../src/domain/confirmAnswer.js';

const ours = '117a58b0-7dc9-424c-8f07-b8a865e8bcc7';
const transactionId = '8c0e116d-31a5-4210-b62e-6b6917851f69';

const http = (
  httpStatus: number,
  body: (ConfirmAnswer & { kind: 'answer' })['body'],
  retryAfterMs?: number,
): ConfirmAnswer => ({
  kind: 'answer',
  httpStatus,
  body,
  retryAfterMs,
});
const refusal = (code: string) => ({ kind: 'refusal', code, message: '', fields: [] }) as const;
const success = (operation: string | null, transaction: string | null) =>
  ({ kind: 'success', partnerOperationId: operation, transactionId: transaction }) as const;
const other = { kind: 'other' } as const;

const rows: { row: string; answers: ConfirmAnswer[]; clear: string; afterAmbiguity: string }[] = [
  {
    row: 'the call was never sent: not executed',
    answers: [{ kind: 'not_sent', detail: 'connection_refused' }],
    clear: 'not_executed',
    afterAmbiguity: 'not_executed',
  },
  {
    row: 'no answer, or one that nobody can read: unknown',
    answers: [
      { kind: 'no_answer', detail: 'timeout' },
      { kind: 'no_answer', detail: 'connection_lost' },
      { kind: 'redirect', httpStatus: 302 },
      { kind: 'unreadable', httpStatus: 200, detail: 'malformed' },
      { kind: 'unreadable', httpStatus: 200, detail: 'truncated' },
      { kind: 'unreadable', httpStatus: 400, detail: 'oversized' },
      ...[408, 409, 423, 424, 500, 502, 503, 504].map((status) => http(status, refusal('whatever'))),
      ...[400, 401, 403, 404, 422].map((status) => http(status, other)),
    ],
    clear: 'unknown',
    afterAmbiguity: 'unknown',
  },
  {
    row: 'our operation echoed, a transaction id: paid by us',
    answers: [http(200, success(ours, transactionId)), http(201, success(ours, transactionId))],
    clear: 'paid',
    afterAmbiguity: 'paid',
  },
  {
    row: 'turned away at the door: not executed, whatever the body',
    answers: [
      http(429, other),
      http(429, refusal('too_many')),
      http(425, other),
      { kind: 'unreadable', httpStatus: 429, detail: 'malformed' },
    ],
    clear: 'not_executed',
    afterAmbiguity: 'not_executed',
  },
  {
    row: 'out of service: not executed, repeated over the next day',
    answers: [http(422, refusal('out_of_service')), http(200, refusal('out_of_service'))],
    clear: 'not_executed',
    afterAmbiguity: 'not_executed',
  },
  {
    row: 'bad credentials',
    answers: [
      http(401, refusal('unauthorized')),
      http(403, refusal('forbidden')),
      http(422, refusal('signature_error')),
    ],
    clear: 'credentials',
    afterAmbiguity: 'proves_nothing',
  },
  {
    row: 'already paid: elsewhere, but maybe ours after an ambiguous attempt',
    answers: [http(422, refusal('invoice_already_paid')), http(200, refusal('alreadyPaid'))],
    clear: 'paid_elsewhere',
    afterAmbiguity: 'maybe_ours',
  },
  {
    row: 'wrong status: its status says why',
    answers: [http(422, refusal('wrong_order_status'))],
    clear: 'status_says_why',
    afterAmbiguity: 'proves_nothing',
  },
  {
    row: 'any other refusal of the contract’s shape',
    answers: [
      http(404, refusal('not_found')),
      http(422, refusal('notEnoughMoney')),
      http(200, refusal('limitReached')),
      http(400, refusal('x')),
    ],
    clear: 'refused',
    afterAmbiguity: 'proves_nothing',
  },
  {
    row: 'any other 2xx: unknown',
    answers: [
      http(200, other),
      http(204, other),
      http(200, success(null, transactionId)),
      http(200, success(ours, null)),
      http(200, success('another-operation', transactionId)),
    ],
    clear: 'unknown',
    afterAmbiguity: 'unknown',
  },
];

describe('what an answer to the pivot call means', () => {
  describe.each(rows)('$row', ({ answers, clear, afterAmbiguity }) => {
    it.each(answers.map((answer) => [JSON.stringify(answer), answer] as const))('%s', (_, answer) => {
      expect(meaningOf(answer, ours, false).kind).toBe(clear);
      expect(meaningOf(answer, ours, true).kind).toBe(afterAmbiguity);
    });
  });

  it('keeps Retry-After for the next call, and says that a refusal was for want of money', () => {
    expect(meaningOf(http(429, other, 7_000), ours, false)).toMatchObject({ retryAfterMs: 7_000, pace: 'soon' });
    expect(meaningOf(http(422, refusal('out_of_service')), ours, false)).toMatchObject({ pace: 'over_a_day' });
    expect(meaningOf(http(422, refusal('notEnoughMoney')), ours, false)).toMatchObject({ wantOfMoney: true });
    expect(meaningOf(http(422, refusal('other')), ours, false)).toMatchObject({ wantOfMoney: false });
  });

  const anyBody = fc.oneof(
    fc.constant(other),
    fc.string().map(refusal),
    fc.tuple(fc.option(fc.constantFrom(ours, 'another')), fc.option(fc.string())).map(([a, b]) => success(a, b)),
  );
  const anyAnswer: fc.Arbitrary<ConfirmAnswer> = fc.oneof(
    fc.record({ kind: fc.constant('no_answer' as const), detail: fc.string() }),
    fc.record({ kind: fc.constant('redirect' as const), httpStatus: fc.integer({ min: 300, max: 399 }) }),
    fc.record({
      kind: fc.constant('unreadable' as const),
      httpStatus: fc.integer({ min: 200, max: 599 }),
      detail: fc.string(),
    }),
    fc.record({ kind: fc.constant('answer' as const), httpStatus: fc.integer({ min: 100, max: 599 }), body: anyBody }),
  );

  it('allows no release after an ambiguous attempt unless this call was proven not executed', () => {
    fc.assert(
      fc.property(anyAnswer, (answer) => {
        expect(attemptClassOf(meaningOf(answer, ours, true))).not.toBe('refused');
      }),
    );
  });

  it('calls nothing paid that does not echo our operation in a 2xx', () => {
    fc.assert(
      fc.property(anyAnswer, fc.boolean(), (answer, ambiguous) => {
        if (meaningOf(answer, ours, ambiguous).kind !== 'paid') return;
        expect(answer).toMatchObject({ kind: 'answer', body: { partnerOperationId: ours } });
        expect(answer.kind === 'answer' && answer.httpStatus >= 200 && answer.httpStatus < 300).toBe(true);
      }),
    );
  });
});
