/** API keys: shown once, stored as a hash, found by it. */
import { createHash, randomBytes } from 'node:crypto';
import { createParamDecorator, Injectable, SetMetadata, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { z } from 'zod';
import { partnerSettings, type PartnerSettings } from '../../partnerSettings.js';
import { Problem } from '../problem.js';
import { Pool } from '../../database/pool.js';

export const scopes = ['payments:write', 'payments:read'] as const;
export type Scope = (typeof scopes)[number];

export interface Caller {
  readonly keyId: string;
  readonly scopes: readonly string[];
  readonly partnerId: string;
  readonly slug: string;
  readonly settings: PartnerSettings;
}

const found = z
  .object({
    keyId: z.uuid(),
    scopes: z.array(z.string()),
    partnerId: z.uuid(),
    slug: z.string(),
    settings: partnerSettings,
  })
  .nullable();

/** `sk_live_…` or, in test mode, `sk_test_…`; 256 random bits. */
export function makeApiKey(testMode: boolean): { key: string; prefix: string; hash: Buffer } {
  const key = `sk_${testMode ? 'test' : 'live'}_${randomBytes(32).toString('base64url')}`;
  return { key, prefix: key.slice(0, 12), hash: hashApiKey(key) };
}

const hashApiKey = (key: string): Buffer => createHash('sha256').update(key).digest();

export const RequiresScope = (scope: Scope) => SetMetadata('scope', scope);

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
    const needed = this.reflector.get<Scope | undefined>('scope', context.getHandler());
    if (needed !== undefined && !caller.scopes.includes(needed)) {
      throw new Problem('forbidden', `This needs the scope ${needed}.`);
    }
    request.caller = caller;
    return true;
  }
}
