/** API keys: shown once, stored as a hash, found by it. */
import { createHash, randomBytes } from 'node:crypto';
import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { z } from 'zod';
import { effectiveSettings, storedSettings, type PartnerSettings } from '../../partnerSettings.js';
import { Problem } from '../problem.js';
import { Pool } from '../../database/pool.js';

export const scopes = [
  'payments:write',
  'payments:read',
  'payments:approve',
  'points:write',
  'points:read',
  'fund:read',
  'fund:write',
  'fund:approve',
  'webhooks:write',
] as const;
export type Scope = (typeof scopes)[number];

export interface Caller {
  readonly keyId: string;
  readonly scopes: readonly string[];
  readonly partnerId: string;
  readonly slug: string;
  readonly name: string;
  readonly settings: PartnerSettings;
}

const found = z
  .object({
    keyId: z.uuid(),
    scopes: z.array(z.string()),
    partnerId: z.uuid(),
    slug: z.string(),
    name: z.string(),
    ...storedSettings,
  })
  .transform(effectiveSettings)
  .nullable();

/** `sk_live_…` or, in test mode, `sk_test_…`; 256 random bits. */
export function makeApiKey(testMode: boolean): { key: string; prefix: string; hash: Buffer } {
  const key = `sk_${testMode ? 'test' : 'live'}_${randomBytes(32).toString('base64url')}`;
  return { key, prefix: key.slice(0, 12), hash: hashApiKey(key) };
}

const hashApiKey = (key: string): Buffer => createHash('sha256').update(key).digest();

export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<Request & { caller?: Caller }>();
  if (caller === undefined) throw new Problem('unauthorized');
  return caller;
});

@Injectable()
export class ApiKeyGuard implements CanActivate {
  constructor(
    private readonly pool: Pool,
    private readonly reflector: Reflector,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Request & { caller?: Caller }>();
    const key = /^Bearer ([\w-]{1,200})$/.exec(request.get('authorization') ?? '')?.[1];
    if (key === undefined) throw new Problem('unauthorized');
    const { rows } = await this.pool.query<{ answer: unknown }>({
      name: 'api_key_authenticate',
      text: 'SELECT api_key_authenticate($1, $2) AS answer',
      values: [hashApiKey(key), new Date()],
    });
    const caller = found.parse(rows[0]?.answer);
    if (caller === null) throw new Problem('unauthorized');
    this.#check(caller, context);
    request.caller = caller;
    return true;
  }

  /** What the endpoint says of itself (endpoint.ts). */
  #check(caller: Caller, context: ExecutionContext): void {
    const scope = this.reflector.get<Scope | readonly Scope[] | 'every' | undefined>('scope', context.getHandler());
    if (scope === undefined) return;
    if (typeof scope !== 'string') {
      if (!scope.some((one) => caller.scopes.includes(one))) throw lacks(scope.join(' or '));
      return;
    }
    const lacking = (scope === 'every' ? scopes : [scope]).filter((one) => !caller.scopes.includes(one));
    if (lacking.length > 0) throw lacks(lacking.join(', '));
  }
}

/** Throws Problem forbidden, also where it is the subject that says which scope is needed. */
export function requireScope(caller: Caller, scope: Scope): void {
  if (!caller.scopes.includes(scope)) throw lacks(scope);
}

const lacks = (scope: string): Problem => new Problem('forbidden', `This needs the scope ${scope}.`);
