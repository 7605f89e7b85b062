/** `POST /v1/login-tokens`: a one-time token for a member whom the partner has logged in itself. */
import { Body, Post } from '@nestjs/common';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { ApiController, Endpoint } from '../endpoint.js';
import { externalId, instant } from '../validate.js';
import { CallerOf, type Caller } from './apiKeys.js';
import { LoginTokens } from './loginTokens.js';

const tokenBody = z.strictObject({ memberExternalId: externalId }).meta({ id: 'MakeLoginToken' });
const tokenSchema = z.object({ token: z.string(), expiresAt: instant }).meta({ id: 'LoginToken' });

@ApiController('v1/login-tokens', 'Payments')
export class LoginTokensController {
  constructor(
    private readonly tokens: LoginTokens,
    private readonly points: Points,
  ) {}

  /** Needs no Idempotency-Key: a second token harms nobody, and the first can't be shown again. */
  @Post()
  @Endpoint({
    scope: 'payments:write',
    summary: 'Make a one-time login for the buyer’s page',
    description: 'Send the buyer to `/pay/<partner>?invoiceId=…&token=…`. It counts once, for 10 minutes.',
    body: 'json',
    answers: { 201: tokenSchema },
  })
  async make(@CallerOf() caller: Caller, @Body({ schema: tokenBody }) { memberExternalId }: z.infer<typeof tokenBody>) {
    const memberId = await this.points.openMember(caller.partnerId, memberExternalId);
    const { token, expiresAt } = await this.tokens.make(caller.partnerId, memberId);
    return { token, expiresAt: expiresAt.toISOString() };
  }
}
