/** Whether the key ring opens what was sealed with it, and whether Invoicebox knows each partner's token. */
import type pg from 'pg';
import { z } from 'zod';
import { tokenPurpose } from '../activities/partners.js';
import { loginSecretPurpose } from '../api/pay/programmes.js';
import type { InvoiceboxClient } from '../invoicebox/client.js';
import type { KeyRing } from '../keyring.js';
import { partnerSettings } from '../partnerSettings.js';
import { webhookSecretPurpose } from '../webhooks/signature.js';
import { well, wrong, type Finding } from './finding.js';

const partnerRows = z.array(
  z.object({
    id: z.uuid(),
    slug: z.string(),
    settings: partnerSettings,
    token: z.string(),
    loginSecret: z.string().nullable(),
  }),
);
const endpointRows = z.array(z.object({ id: z.uuid(), slug: z.string(), sealed: z.array(z.string()) }));

interface Sealed {
  readonly what: string;
  readonly sealed: string;
  readonly purpose: string;
}

type Partner = z.infer<typeof partnerRows>[number];

export async function lookAtSecrets(pool: pg.Pool, keyRing: KeyRing, client: InvoiceboxClient): Promise<Finding[]> {
  const partners = partnerRows.parse(
    (
      await pool.query(`SELECT id, slug, settings, invoicebox_token_sealed AS token, login_secret_sealed AS "loginSecret"
        FROM surety.partner ORDER BY slug`)
    ).rows,
  );
  const found = [keyRingOf(keyRing, [...partners.flatMap(secretsOf), ...(await webhookSecrets(pool))])];
  // One after the other: each is a request of the quota that buyers pay by.
  for (const partner of partners) found.push(await tokenOf(keyRing, client, partner));
  return found;
}

function secretsOf({ id, slug, token, loginSecret }: Partner): Sealed[] {
  return [
    { what: `${slug}'s Invoicebox token`, sealed: token, purpose: tokenPurpose(id) },
    ...(loginSecret === null
      ? []
      : [{ what: `${slug}'s login secret`, sealed: loginSecret, purpose: loginSecretPurpose(id) }]),
  ];
}

async function webhookSecrets(pool: pg.Pool): Promise<Sealed[]> {
  const { rows } =
    await pool.query(`SELECT endpoint.id, slug, array_remove(ARRAY[secret_sealed, previous_secret_sealed], NULL) AS sealed
    FROM surety.webhook_endpoint endpoint JOIN surety.partner ON partner.id = endpoint.partner_id WHERE deleted_at IS NULL`);
  return endpointRows.parse(rows).flatMap(({ id, slug, sealed }) =>
    sealed.map((one) => ({
      what: `the secret of ${slug}'s endpoint ${id}`,
      sealed: one,
      purpose: webhookSecretPurpose(id),
    })),
  );
}

function keyRingOf(keyRing: KeyRing, secrets: readonly Sealed[]): Finding {
  const byKey = new Map<string, number>();
  const shut = secrets.filter(({ sealed, purpose }) => {
    const keyId = sealed.split('.')[0] ?? '';
    byKey.set(keyId, (byKey.get(keyId) ?? 0) + 1);
    return !opens(keyRing, sealed, purpose);
  });
  const inUse = [...byKey].map(([keyId, count]) => `${keyId} (${count})`).join(', ');
  return shut.length === 0
    ? well('key ring', `opens each of ${secrets.length} sealed secrets; in use: ${inUse === '' ? 'none' : inUse}`)
    : wrong(
        'key ring',
        `does not open ${shut
          .slice(0, 5)
          .map(({ what }) => what)
          .join(', ')}${shut.length > 5 ? ` and ${shut.length - 5} more` : ''}; in use: ${inUse}`,
        'SURETY_KEYS must keep each key until everything is sealed anew: put the missing one back, behind the first.',
      );
}

function opens(keyRing: KeyRing, sealed: string, purpose: string): boolean {
  try {
    keyRing.open(sealed, purpose);
    return true;
  } catch {
    // Why is no matter: a missing key and a text that was touched are both not to be used.
    return false;
  }
}

/** At most one request. */
async function tokenOf(keyRing: KeyRing, client: InvoiceboxClient, partner: Partner): Promise<Finding> {
  const about = `token of ${partner.slug}`;
  if (!opens(keyRing, partner.token, tokenPurpose(partner.id))) {
    return wrong(about, 'cannot be opened', 'See the key ring.');
  }
  const token = keyRing.open(partner.token, tokenPurpose(partner.id));
  const answer = await client.checkToken({ ...partner.settings.invoicebox, token });
  switch (answer.kind) {
    case 'valid':
      return well(about, 'Invoicebox knows it');
    case 'invalid':
      return wrong(
        about,
        `Invoicebox refuses it (${answer.code})`,
        'Ask Invoicebox for a new one and apply the partner with it.',
      );
    case 'unavailable':
      return wrong(
        about,
        `Invoicebox could not be asked (${answer.detail})`,
        'Look at the way there (name, firewall, certificate) and at Invoicebox itself.',
      );
  }
}
