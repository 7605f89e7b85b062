/** `POST /v1/login-tokens`: a one-time token for a member whom the partner has logged in itself. */
import { Body, Controller, Post, UseGuards } from '@nestjs/common';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { externalId, validate } from '../validate.js';
import { ApiKeyGuard, CallerOf, RequiresScope, type Caller } from './apiKeys.js';
import { LoginTokens } from './loginTokens.js';

const tokenBody = z.strictObject({ memberExternalId: externalId });

@Controller('v1/login-tokens')
@UseGuards(ApiKeyGuard)
export class LoginTokensController {
  constructor(
    private readonly tokens: LoginTokens,
    private readonly points: Points,
  ) {}

  /** Needs no Idempotency-Key: a second token harms nobody, and the first can't be shown again. */
  @Post()
  @RequiresScope('payments:write')
  async make(@CallerOf() caller: Caller, @Body() input: unknown) {
    const { memberExternalId } = validate(tokenBody, input, 'The body');
    const memberId = await this.points.openMember(caller.partnerId, memberExternalId);
    const { token, expiresAt } = await this.tokens.make(caller.partnerId, memberId);
    return { token, expiresAt: expiresAt.toISOString() };
  }
}
