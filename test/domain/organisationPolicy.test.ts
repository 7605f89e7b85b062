import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  judgeInvoice,
  type JudgedInvoice,
  type OrganisationPolicy,
  type PolicyVerdict,
} from '../../src/domain/organisationPolicy.js';
import { organisationPolicy } from '../../src/partnerSettings.js';

const invoice: JudgedInvoice = {
  amountMinor: 10_000,
  currency: 'RUB',
  vatNumber: '7710044140',
  description: 'Оплата номера в отеле',
};

const allowed: PolicyVerdict = { kind: 'allowed' };
const refused = (reason: string) => ({ kind: 'refused', reason });
const asks = (reason: string) => ({ kind: 'needs_approval', reason });
const judge = (policy: object, change: Partial<JudgedInvoice> = {}) =>
  judgeInvoice({ ...invoice, ...change }, organisationPolicy.parse(policy));

describe('an organisation’s policy', () => {
  it('that does not exist, or says nothing, allows everything', () => {
    expect(judgeInvoice(invoice, null)).toEqual(allowed);
    expect(judge({})).toEqual(allowed);
  });

  it.each<[string, object, Partial<JudgedInvoice>, object]>([
    ['a currency of the list', { currencies: ['RUB', 'USD'] }, {}, allowed],
    ['another currency', { currencies: ['USD'] }, {}, refused('currency_not_allowed')],
    ['exactly the limit of an invoice', { limits: { RUB: { invoiceMinor: 10_000 } } }, {}, allowed],
    ['a kopeck more', { limits: { RUB: { invoiceMinor: 9_999 } } }, {}, refused('over_invoice_limit')],
    ['a limit of another currency', { limits: { USD: { invoiceMinor: 1 } } }, {}, allowed],
    ['exactly what needs no approver', { limits: { RUB: { approvalAboveMinor: 10_000 } } }, {}, allowed],
    ['a kopeck above it', { limits: { RUB: { approvalAboveMinor: 9_999 } } }, {}, asks('approval_above_amount')],
    ['everything above nothing', { limits: { RUB: { approvalAboveMinor: 0 } } }, { amountMinor: 1 }, asks('approval_above_amount')],
    ['what no rule matches, where that is refused', { otherwise: 'refuse' }, {}, refused('refused_by_rule')],
    ['what no rule matches, where that needs an approver', { otherwise: 'ask' }, {}, asks('approval_by_rule')],
    ['a customer of the allow list', { rules: [{ effect: 'allow', vatNumberStartsWith: '7710044140' }], otherwise: 'refuse' }, {}, allowed],
    ['a number that is written with spaces', { rules: [{ effect: 'refuse', vatNumberStartsWith: '7710 04' }] }, { vatNumber: ' 77 10044140' }, refused('refused_by_rule')],
    ['a number that only ends so', { rules: [{ effect: 'refuse', vatNumberStartsWith: '044140' }] }, {}, allowed],
    ['a customer without a number', { rules: [{ effect: 'allow', vatNumberStartsWith: '7' }], otherwise: 'refuse' }, { vatNumber: '' }, refused('refused_by_rule')],
    ['a description in another case', { rules: [{ effect: 'ask', descriptionContains: 'НОМЕРА' }] }, {}, asks('approval_by_rule')],
    ['a no-break space', { rules: [{ effect: 'ask', descriptionContains: 'номера в' }] }, { description: 'Номера\u00a0в отеле' }, asks('approval_by_rule')],
    ['a composed letter', { rules: [{ effect: 'refuse', descriptionStartsWith: 'Йод' }] }, { description: 'Йод' }, refused('refused_by_rule')],
    ['a description that starts otherwise', { rules: [{ effect: 'refuse', descriptionStartsWith: 'номера' }] }, {}, allowed],
    ['a pattern, which is plain text', { rules: [{ effect: 'refuse', descriptionContains: '.*' }] }, {}, allowed],
    ['half of what a rule names', { rules: [{ effect: 'refuse', vatNumberStartsWith: '7710', descriptionContains: 'такси' }] }, {}, allowed],
    ['the first of two rules', { rules: [{ effect: 'allow', descriptionContains: 'отеле' }, { effect: 'refuse', vatNumberStartsWith: '77' }] }, {}, allowed],
    ['an allow list and a large sum', { rules: [{ effect: 'allow', vatNumberStartsWith: '77' }], limits: { RUB: { approvalAboveMinor: 1 } } }, {}, asks('approval_above_amount')],
    ['an allow list and a sum past the limit', { rules: [{ effect: 'allow', vatNumberStartsWith: '77' }], limits: { RUB: { invoiceMinor: 1 } } }, {}, refused('over_invoice_limit')],
  ])('%s', (_, policy, change, verdict) => {
    expect(judge(policy, change)).toEqual(verdict);
  }); // prettier-ignore

  it.each([
    ['a rule that names nothing', { rules: [{ effect: 'refuse' }] }],
    ['a rule of blanks', { rules: [{ effect: 'refuse', descriptionContains: '  ' }] }],
    ['an effect that nobody knows', { rules: [{ effect: 'maybe', descriptionContains: 'x' }] }],
    ['a word that nobody knows', { limits: { RUB: { weekMinor: 5 } } }],
    ['a limit with a fraction', { limits: { RUB: { dayMinor: 0.5 } } }],
  ])('is refused with %s', (_, policy) => {
    expect(organisationPolicy.safeParse(policy).success).toBe(false);
  });

  const effect = fc.constantFrom('allow', 'ask', 'refuse');
  const piece = fc.constantFrom('77', '7710044140', 'отеле', 'Оплата', 'нет');
  const policies: fc.Arbitrary<OrganisationPolicy> = fc
    .record(
      {
        currencies: fc.subarray(['RUB', 'USD', 'CNY'], { minLength: 1 }),
        limits: fc.dictionary(
          fc.constantFrom('RUB', 'USD'),
          fc.record(
            {
              invoiceMinor: fc.integer({ min: 1, max: 30_000 }),
              approvalAboveMinor: fc.integer({ min: 0, max: 30_000 }),
            },
            { requiredKeys: [] },
          ),
        ),
        rules: fc.array(
          fc.oneof(
            fc.record({ effect, vatNumberStartsWith: piece }),
            fc.record({ effect, descriptionContains: piece, vatNumberStartsWith: piece }),
            fc.record({ effect, descriptionStartsWith: piece }),
          ),
          { maxLength: 4 },
        ),
        otherwise: effect,
      },
      { requiredKeys: [] },
    )
    .map((policy) => organisationPolicy.parse(policy));
  const strictness = { allowed: 0, needs_approval: 1, refused: 2 } as const;

  it('never grows milder for a larger sum', () => {
    fc.assert(
      fc.property(policies, fc.nat(40_000), fc.nat(40_000), (policy, one, other) => {
        const [small, large] = [Math.min(one, other), Math.max(one, other)].map(
          (amountMinor) => strictness[judgeInvoice({ ...invoice, amountMinor }, policy).kind],
        );
        expect(small).toBeLessThanOrEqual(large ?? -1);
      }),
    );
  });

  it('never pays of itself what is past a limit, above the amount that needs a word, or in another currency', () => {
    fc.assert(
      fc.property(policies, fc.nat(40_000), fc.constantFrom('RUB', 'USD', 'EUR'), (policy, amountMinor, currency) => {
        const verdict = judgeInvoice({ ...invoice, amountMinor, currency }, policy);
        const { invoiceMinor = Infinity, approvalAboveMinor = Infinity } = policy.limits[currency] ?? {};
        const isBound =
          policy.currencies?.includes(currency) === false || amountMinor > Math.min(invoiceMinor, approvalAboveMinor);
        if (isBound) expect(verdict.kind).not.toBe('allowed');
      }),
    );
  });

  it('does not depend on how the text is spaced or cased', () => {
    fc.assert(
      fc.property(policies, (policy) => {
        const shouted = { ...invoice, description: '  ОПЛАТА  НОМЕРА В\tОТЕЛЕ ', vatNumber: '7710 044140' };
        expect(judgeInvoice(shouted, policy)).toEqual(judgeInvoice(invoice, policy));
      }),
    );
  });
});
