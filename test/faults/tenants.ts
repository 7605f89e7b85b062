/** The partners of a run, each a loyalty programme or an organisation with an account of its own at the twin. */
import { KeyRing } from '../../src/keyring.js';
import { makeApiKey } from '../../src/api/auth/apiKeys.js';
import type { Scheme } from '../../src/domain/payment.js';
import { applyPartner, type PartnerFile } from '../../scripts/partner.js';
import type { Surety } from '../../scripts/surety.js';
import { scale } from './scale.js';

/**
 * `plain`: nothing special. `strict`: its account answers the repeat of a confirmed operation with "already paid".
 * `hasty`: gives up soon, and has its own way to the twin. `flagged`: its cells get it flagged, so that nobody else is refused meanwhile.
 * `narrow`: its fund is near its limit.
 */
export type TenantKind = 'plain' | 'strict' | 'hasty' | 'flagged' | 'narrow';

export interface Tenant {
  readonly kind: TenantKind;
  readonly scheme: Scheme;
  readonly account: string;
  readonly partnerId: string;
  readonly apiKey: string;
  readonly apiKeyId: string;
  /** Of another person, who approves. */
  readonly secondKey: string;
}

const tenantKinds: readonly TenantKind[] = ['plain', 'strict', 'hasty', 'flagged', 'narrow'];
const schemes: readonly Scheme[] = ['loyalty', 'organisation'];

/** Points = ceil(amountMinor × 7 ÷ 500): not a round number for most sums. */
export const rate = { numerator: 7, denominator: 500 } as const;
const fundMinor = 1_000_000_000_00;
/** Enough for this many of the invoices that want more than there is. */
export const narrowFundPays = 3;
export const narrowAmountMinor = 1_234_56;

export async function openTenants(surety: Surety, gateUrl: string): Promise<Tenant[]> {
  const tenants: Tenant[] = [];
  for (const kind of tenantKinds) {
    for (const scheme of schemes)
      tenants.push(await openTenant(surety, kind, scheme, kind === 'hasty' ? gateUrl : surety.twin.url));
  }
  return tenants;
}

async function openTenant(surety: Surety, kind: TenantKind, scheme: Scheme, baseUrl: string): Promise<Tenant> {
  const account = `${kind}-${scheme}`;
  const token = `faults-token-${account}-0123456789abcdef`;
  const sizeMinor = kind === 'narrow' ? narrowAmountMinor * narrowFundPays : fundMinor;
  await surety.twin.applyAccount(account, {
    name: account,
    token,
    funds: [{ currency: 'RUB', sizeMinor }],
    repeatAnswers: kind === 'strict' ? 'already_paid' : 'success',
  });
  const file: PartnerFile = {
    slug: account,
    name: account,
    invoiceboxToken: token,
    ...(scheme === 'loyalty' ? { loginSecret: 'not used here' } : {}),
    settings: {
      invoicebox: { baseUrl },
      trustTemporalSignals: true,
      timings: {
        ...scale.timings,
        ...(kind === 'hasty' ? { giveUpAfterMs: scale.hastyGiveUpAfterMs } : {}),
      },
      ...(scheme === 'organisation'
        ? { organisation: {} }
        : {
            loyalty: {
              rates: { RUB: rate },
              login: { issuer: `${surety.twin.url}/idp`, clientId: 'surety' },
              linkHosts: [surety.twin.host],
            },
          }),
    },
    funds: [{ currency: 'RUB', deposits: [{ amountMinor: sizeMinor, reference: 'bill-1' }] }],
  };
  const client = await surety.admin.connect();
  try {
    const applied = await applyPartner(client, file, new KeyRing(surety.options.keys), true);
    const { rows } = await client.query<{ id: string }>('SELECT id FROM api_key WHERE partner_id = $1', [
      applied.partnerId,
    ]);
    const second = makeApiKey(true);
    await client.query('INSERT INTO api_key (partner_id, name, prefix, hash, scopes) VALUES ($1, $2, $3, $4, $5)', [
      ...[applied.partnerId, 'second', second.prefix, second.hash, ['fund:approve']],
    ]);
    return {
      secondKey: second.key,
      kind,
      scheme,
      account,
      partnerId: applied.partnerId,
      apiKey: applied.apiKey ?? '',
      apiKeyId: rows[0]?.id ?? '',
    };
  } finally {
    client.release();
  }
}
