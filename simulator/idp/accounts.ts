import type { Account } from 'oidc-provider';
import { buyerOf } from './buyers.js';
import type { Operators } from './operators.js';

/** Whoever has logged in, as tokens tell of him: a member of the programme, or an operator with roles and partners. */
export function accountOf(sub: string, operators: Operators): Account | undefined {
  const operator = operators.find(sub);
  if (operator !== undefined) {
    const { name, roles, partners } = operator;
    return { accountId: sub, claims: () => ({ sub, name, roles: [...roles], partners: [...partners] }) };
  }
  const buyer = buyerOf(sub);
  return (
    buyer && {
      accountId: sub,
      claims: () => ({
        sub,
        name: buyer.name,
        email: buyer.email,
        email_verified: true,
        ...(buyer.phone !== undefined && { phone_number: buyer.phone, phone_number_verified: true }),
      }),
    }
  );
}
