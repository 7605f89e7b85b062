/** How to speak to Invoicebox for a partner. Kept for a short time, so that a payment costs no query of its own for it. */
import type pg from 'pg';
import { z } from 'zod';
import type { OrganisationPolicy } from '../domain/organisationPolicy.js';
import type { InvoiceboxAccount } from '../invoicebox/client.js';
import type { KeyRing } from '../keyring.js';
import { effectiveSettings, organisationPolicy, storedSettings, type PartnerSettings } from '../partnerSettings.js';

const keptForMs = 10_000;
const mostKept = 10_000;

export interface PartnerAccount {
  readonly account: InvoiceboxAccount;
  readonly settings: PartnerSettings;
  readonly currencies: readonly string[];
  /** Of the organisation's scheme; null: everything may be paid. */
  readonly policy: OrganisationPolicy | null;
}

const row = z
  .object({
    ...storedSettings,
    tokenSealed: z.string(),
    currencies: z.array(z.string()),
    organisationPolicy: organisationPolicy.nullable(),
  })
  .transform(effectiveSettings);

export class Partners {
  readonly #kept = new Map<string, { partner: PartnerAccount; untilMs: number }>();

  constructor(
    private readonly pool: pg.Pool,
    private readonly keyRing: KeyRing,
  ) {}

  async get(partnerId: string): Promise<PartnerAccount> {
    const kept = this.#kept.get(partnerId);
    if (kept !== undefined && kept.untilMs > performance.now()) return kept.partner;
    const { rows } = await this.pool.query<{ answer: unknown }>({
      name: 'partner_account',
      text: 'SELECT partner_account($1) AS answer',
      values: [partnerId],
    });
    const { settings, tokenSealed, currencies, organisationPolicy: policy } = row.parse(rows[0]?.answer);
    const token = this.keyRing.open(tokenSealed, tokenPurpose(partnerId));
    const partner = {
      account: { ...settings.invoicebox, token, paging: settings.invoiceboxOptions },
      settings,
      currencies,
      policy,
    };
    if (this.#kept.size >= mostKept) this.#kept.clear();
    this.#kept.set(partnerId, { partner, untilMs: performance.now() + keptForMs });
    return partner;
  }
}

/** What a sealed Invoicebox token is bound to. */
export const tokenPurpose = (partnerId: string): string => `invoicebox-token/${partnerId}`;
