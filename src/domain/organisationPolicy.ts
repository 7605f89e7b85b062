/**
 * What an organisation lets be paid of itself, what only with an approver's word, and what not at all. Decided anew from
 * every read of an invoice; the limits of a day and a month are the ledger's to count (src/ledger/sql/spending.sql).
 */

export interface OrganisationPolicy {
  /** Absent: every currency that there is a fund in. */
  readonly currencies?: readonly string[] | undefined;
  /** By currency, in minor units; what is absent has no limit. */
  readonly limits: Readonly<Record<string, SpendingLimits>>;
  /** The first that matches says what becomes of an invoice. */
  readonly rules: readonly PolicyRule[];
  /** What becomes of an invoice that no rule matches. */
  readonly otherwise: RuleEffect;
}

interface SpendingLimits {
  readonly invoiceMinor?: number | undefined;
  readonly dayMinor?: number | undefined;
  readonly monthMinor?: number | undefined;
  /** More than this needs an approver, whatever the rules say. */
  readonly approvalAboveMinor?: number | undefined;
}

type RuleEffect = 'allow' | 'ask' | 'refuse';

/** Matches where everything that it names matches. Plain text in any letter case, no patterns: they come from outside. */
interface PolicyRule {
  readonly effect: RuleEffect;
  /** Of the customer; an invoice without a number matches no such rule. */
  readonly vatNumberStartsWith?: string | undefined;
  readonly descriptionStartsWith?: string | undefined;
  readonly descriptionContains?: string | undefined;
}

export interface JudgedInvoice {
  readonly amountMinor: number;
  readonly currency: string;
  readonly vatNumber: string;
  readonly description: string;
}

export type PolicyVerdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'needs_approval'; readonly reason: ApprovalReason }
  | { readonly kind: 'refused'; readonly reason: PolicyRefusal };

export type ApprovalReason = 'approval_above_amount' | 'approval_by_rule';
export type PolicyRefusal = 'currency_not_allowed' | 'over_invoice_limit' | 'refused_by_rule';

/** @param policy null: the organisation has none, everything may be paid */
export function judgeInvoice(invoice: JudgedInvoice, policy: OrganisationPolicy | null): PolicyVerdict {
  if (policy === null) return { kind: 'allowed' };
  const { amountMinor, currency } = invoice;
  if (policy.currencies?.includes(currency) === false) return { kind: 'refused', reason: 'currency_not_allowed' };
  const limits = policy.limits[currency] ?? {};
  if (amountMinor > (limits.invoiceMinor ?? Infinity)) return { kind: 'refused', reason: 'over_invoice_limit' };
  const effect = policy.rules.find((rule) => matches(rule, invoice))?.effect ?? policy.otherwise;
  switch (effect) {
    case 'refuse':
      return { kind: 'refused', reason: 'refused_by_rule' };
    case 'ask':
      return { kind: 'needs_approval', reason: 'approval_by_rule' };
    case 'allow':
      return amountMinor > (limits.approvalAboveMinor ?? Infinity)
        ? { kind: 'needs_approval', reason: 'approval_above_amount' }
        : { kind: 'allowed' };
  }
}

function matches(rule: PolicyRule, { vatNumber, description }: JudgedInvoice): boolean {
  const number = withoutSpaces(vatNumber);
  const text = folded(description);
  return (
    (rule.vatNumberStartsWith === undefined ||
      (number !== '' && number.startsWith(withoutSpaces(rule.vatNumberStartsWith)))) &&
    (rule.descriptionStartsWith === undefined || text.startsWith(folded(rule.descriptionStartsWith))) &&
    (rule.descriptionContains === undefined || text.includes(folded(rule.descriptionContains)))
  );
}

const withoutSpaces = (text: string): string => folded(text).replaceAll(' ', '');

/** The same text to a reader is the same here: forms of one letter, its case, and how it is spaced make no difference. */
const folded = (text: string): string => text.normalize('NFKC').toLowerCase().replace(/\s+/gu, ' ').trim();
