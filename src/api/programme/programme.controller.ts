/** `/v1/programme`: the settings of the loyalty programme, and those that the partner changes itself. */
import { Body, Get, Patch } from '@nestjs/common';
import { z } from 'zod';
import { Points } from '../../ledger/points.js';
import { defaultSoonDays, programmeChanges, type LoyaltySettings } from '../../partnerSettings.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { ApiController, Endpoint } from '../endpoint.js';
import { Problem } from '../problem.js';
import { invalidField } from '../validate.js';

const rate = z.object({ numerator: z.int(), denominator: z.int() });
const programmeSchema = z
  .object({
    slug: z.string(),
    name: z.string(),
    timeZone: z.string().meta({ description: 'Where the programme’s days begin and end' }),
    rates: z
      .record(z.string(), rate)
      .meta({ description: 'By currency: points = ceil(amountMinor × numerator ÷ denominator)' }),
    language: z.enum(['ru', 'en']).nullable().meta({ description: 'Of the buyer’s page; null: as his browser asks' }),
    support: z.string(),
    branding: z.object({ colour: z.string(), logoPng: z.string().nullable() }),
    releaseGraceDays: z.int(),
    expiringSoonDays: z.int(),
    minPoints: z.int().nullable(),
    maxPoints: z.int().nullable(),
  })
  .meta({ id: 'Programme' });

@ApiController('v1/programme', 'Programme')
export class ProgrammeController {
  constructor(private readonly points: Points) {}

  @Get()
  @Endpoint({
    scope: 'points:read',
    summary: 'Read the programme’s settings',
    answers: { 200: programmeSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() caller: Caller) {
    return programmeJson(caller, loyaltyOf(caller));
  }

  /** A PATCH says what the settings are to be: repeating it changes nothing, so it needs no Idempotency-Key. */
  @Patch()
  @Endpoint({
    scope: 'points:write',
    summary: 'Change settings that are the partner’s own',
    description: 'What is not given stays. Rates, login, hosts and the zone are changed by the operator.',
    body: 'json',
    answers: { 200: programmeSchema },
    problems: ['not_found'],
  })
  async change(
    @CallerOf() caller: Caller,
    @Body({ schema: programmeChanges }) changes: z.infer<typeof programmeChanges>,
  ) {
    const loyalty = { ...loyaltyOf(caller), ...changes };
    if ((loyalty.minPoints ?? 1) > (loyalty.maxPoints ?? Infinity)) {
      throw invalidField('minPoints', 'must not be more than maxPoints', 'a larger number');
    }
    const { outcome } = await this.points.changeProgramme(caller.partnerId, changes);
    switch (outcome) {
      case 'changed':
        return programmeJson(caller, loyalty);
      case 'no_programme':
      case 'not_found':
        throw new Problem('not_found');
    }
  }
}

function loyaltyOf({ settings }: Caller): LoyaltySettings {
  if (settings.loyalty === null) throw new Problem('not_found', 'The partner has no loyalty programme.');
  return settings.loyalty;
}

function programmeJson({ slug, name, settings }: Caller, loyalty: LoyaltySettings): z.infer<typeof programmeSchema> {
  const { rates, support, branding, releaseGraceDays, expiringSoonDays = defaultSoonDays } = loyalty;
  const { language = null, minPoints = null, maxPoints = null } = loyalty;
  const { timeZone } = settings;
  const limits = { minPoints, maxPoints };
  return { slug, name, timeZone, rates, language, support, branding, releaseGraceDays, expiringSoonDays, ...limits };
}
