/**
 * Seals with the first key of SURETY_KEYS whatever older ones have sealed: partners' tokens and login secrets, the secrets of
 * webhooks. Idempotent, and beside running processes: a row that somebody else changes meanwhile is left to him.
 */
import type pg from 'pg';
import { tokenPurpose } from '../src/activities/partners.js';
import { loginSecretPurpose } from '../src/api/pay/programmes.js';
import type { KeyRing } from '../src/keyring.js';
import { webhookSecretPurpose } from '../src/webhooks/signature.js';

interface SealedColumn {
  readonly what: string;
  readonly purpose: (id: string) => string;
  /** Rows of `id` and `sealed`. */
  readonly read: string;
  /** Of a row's id, what was sealed and what is now. */
  readonly write: string;
}

const columns: readonly SealedColumn[] = [
  {
    what: 'token of partner',
    purpose: tokenPurpose,
    read: 'SELECT id, invoicebox_token_sealed AS sealed FROM surety.partner ORDER BY id',
    write: 'UPDATE surety.partner SET invoicebox_token_sealed = $3 WHERE id = $1 AND invoicebox_token_sealed = $2',
  },
  {
    what: 'login secret of partner',
    purpose: loginSecretPurpose,
    read: 'SELECT id, login_secret_sealed AS sealed FROM surety.partner WHERE login_secret_sealed IS NOT NULL ORDER BY id',
    write: 'UPDATE surety.partner SET login_secret_sealed = $3 WHERE id = $1 AND login_secret_sealed = $2',
  },
  {
    what: 'secret of webhook endpoint',
    purpose: webhookSecretPurpose,
    read: 'SELECT id, secret_sealed AS sealed FROM surety.webhook_endpoint ORDER BY id',
    write: 'UPDATE surety.webhook_endpoint SET secret_sealed = $3 WHERE id = $1 AND secret_sealed = $2',
  },
  {
    what: 'earlier secret of webhook endpoint',
    purpose: webhookSecretPurpose,
    read: 'SELECT id, previous_secret_sealed AS sealed FROM surety.webhook_endpoint WHERE previous_secret_sealed IS NOT NULL ORDER BY id',
    write:
      'UPDATE surety.webhook_endpoint SET previous_secret_sealed = $3 WHERE id = $1 AND previous_secret_sealed = $2',
  },
];

export interface Resealed {
  readonly sealedAnew: number;
  readonly already: number;
  /** What no key of the ring opens, in words. */
  readonly lost: readonly string[];
}

/** @param client of a role that owns the tables */
export async function reseal(client: pg.ClientBase, keyRing: KeyRing): Promise<Resealed> {
  let [sealedAnew, already] = [0, 0];
  const lost: string[] = [];
  for (const { what, purpose, read, write } of columns) {
    const { rows } = await client.query<{ id: string; sealed: string }>(read);
    for (const { id, sealed } of rows) {
      if (sealed.startsWith(`${keyRing.sealingKeyId}.`)) {
        already += 1;
        continue;
      }
      const plain = opened(keyRing, sealed, purpose(id));
      if (plain === null) {
        lost.push(`${what} ${id}, sealed by ${sealed.split('.')[0] ?? ''}`);
        continue;
      }
      const { rowCount } = await client.query(write, [id, sealed, keyRing.seal(plain, purpose(id))]);
      sealedAnew += rowCount ?? 0;
    }
  }
  return { sealedAnew, already, lost };
}

function opened(keyRing: KeyRing, sealed: string, purpose: string): string | null {
  try {
    return keyRing.open(sealed, purpose);
  } catch {
    // Its key is not in the ring, or it was touched: told by name, the rest goes on.
    return null;
  }
}
