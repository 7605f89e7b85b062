/** Who is at the console, and what he may do. */
import type { ConsoleOptions } from './consoleOptions.js';

/**
 * Viewers look; operators act; approvers decide what others have asked for. One person may be several; nobody may approve
 * what he has asked for himself, whatever he is.
 */
export const roles = ['viewer', 'operator', 'approver'] as const;
export type Role = (typeof roles)[number];

export interface Operator {
  /** Names him in the audit log and beside what he did: his subject at the provider. */
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
  /** The partners whose books he may see. */
  readonly partners: '*' | readonly string[];
  /** When he last proved who he is, in milliseconds since 1970. */
  readonly authenticatedAt: number;
}

/** Whoever may act or approve may look. */
export const hasRole = ({ roles: his }: Operator, role: Role): boolean =>
  role === 'viewer' ? his.length > 0 : his.includes(role);

/** As the ledger keeps who did something. */
export const actorOf = ({ id }: Operator) => ({ kind: 'operator', id }) as const;

const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/;
const mostPartners = 1_000;

export type ClaimedOperator =
  | { readonly kind: 'operator'; readonly operator: Operator }
  /** He is who he says, but nothing here is his to see. */
  | { readonly kind: 'nobody'; readonly id: string }
  | { readonly kind: 'unusable'; readonly detail: string };

/** What the provider says of whoever has logged in, by the names that configuration gives to its claims. */
export function operatorOf(
  claims: Readonly<Record<string, unknown>>,
  names: ConsoleOptions['claims'],
  now: number,
): ClaimedOperator {
  const id = plainText(claims[names.id]);
  if (id === null) return { kind: 'unusable', detail: 'the provider names nobody' };
  const called = textsOf(claims[names.roles]);
  const his = roles.filter((role) => names.roleMap.some(([ours, theirs]) => ours === role && called.includes(theirs)));
  const listed = textsOf(claims[names.partners]).map((partner) => partner.toLowerCase());
  const partners = listed.includes('*') ? ('*' as const) : listed.filter((partner) => uuid.test(partner));
  if (his.length === 0 || partners.length === 0) return { kind: 'nobody', id };
  if (partners.length > mostPartners) return { kind: 'unusable', detail: 'more partners than a session can have' };
  const authTime = claims['auth_time'];
  const authenticatedAt = typeof authTime === 'number' ? Math.min(authTime * 1_000, now) : now;
  return {
    kind: 'operator',
    operator: { id, name: plainText(claims[names.name]) ?? id, roles: his, partners, authenticatedAt },
  };
}

function plainText(claim: unknown): string | null {
  const text = typeof claim === 'string' ? claim.normalize('NFC').trim() : '';
  return text === '' || text.length > 200 || /\p{C}/u.test(text) ? null : text;
}

/** A list of texts, or one text. */
function textsOf(claim: unknown): string[] {
  const list: unknown[] = Array.isArray(claim) ? claim : [claim];
  return list.filter((one): one is string => typeof one === 'string');
}
