/** The loyalty programme behind a page's address. */
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { KeyRing } from '../../keyring.js';
import {
  effectiveSettings,
  storedSettings,
  type LoyaltySettings,
  type PartnerSettings,
} from '../../partnerSettings.js';
import { Pool } from '../../database/pool.js';

export interface Programme {
  readonly partnerId: string;
  readonly slug: string;
  readonly name: string;
  readonly settings: PartnerSettings;
  readonly loyalty: LoyaltySettings;
  readonly loginSecret: string | null;
}

const row = z
  .object({
    partnerId: z.uuid(),
    slug: z.string(),
    name: z.string(),
    ...storedSettings,
    loginSecretSealed: z.string().nullable(),
  })
  .transform(effectiveSettings)
  .nullable();

/** What a sealed client secret is bound to. */
export const loginSecretPurpose = (partnerId: string): string => `login-secret/${partnerId}`;

@Injectable()
export class Programmes {
  constructor(
    private readonly pool: Pool,
    private readonly keyRing: KeyRing,
  ) {}

  async find(slug: string): Promise<Programme | null> {
    if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(slug)) return null;
    const { rows } = await this.pool.query<{ answer: unknown }>({
      name: 'partner_by_slug',
      text: 'SELECT partner_by_slug($1) AS answer',
      values: [slug],
    });
    const partner = row.parse(rows[0]?.answer ?? null);
    if (partner === null || partner.settings.loyalty === null) return null;
    const { loginSecretSealed, ...rest } = partner;
    const loginSecret =
      loginSecretSealed === null ? null : this.keyRing.open(loginSecretSealed, loginSecretPurpose(partner.partnerId));
    return { ...rest, loyalty: partner.settings.loyalty, loginSecret };
  }
}
