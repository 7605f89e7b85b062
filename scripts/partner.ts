/**
 * `npm run partner -- apply partner.json`: creates or changes a partner, idempotently, and prints its first API key once.
 * The token and the login secret are sealed with the key ring before they reach the database.
 * `pause` and `resume` are in pausePartner.ts, `reseal` is in reseal.ts.
 */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { z } from 'zod';
import { tokenPurpose } from '../src/activities/partners.js';
import { makeApiKey, scopes } from '../src/api/auth/apiKeys.js';
import { loginSecretPurpose } from '../src/api/pay/programmes.js';
import { readPartnerConfig, readPauseConfig } from '../src/config.js';
import { approvalActions } from '../src/domain/approval.js';
import { InvoiceboxClient, userAgent } from '../src/invoicebox/client.js';
import { KeyRing } from '../src/keyring.js';
import { invoiceboxOptions, organisationPolicy, partnerSettings } from '../src/partnerSettings.js';
import { pauseOrResume, pauseUsage } from './pausePartner.js';
import { reseal } from './reseal.js';

const usage = `usage:
  npm run partner -- apply partner.json            creates or changes one
  npm run partner -- reseal                        seals with the first key of SURETY_KEYS what older ones have sealed
${pauseUsage}`;

const integer = z.int().min(0).max(1e13);

export const partnerFile = z.strictObject({
  slug: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  name: z.string().min(1).max(200),
  /** Invoicebox's Bearer token. */
  invoiceboxToken: z.string().min(1).max(512),
  loginSecret: z.string().min(1).max(512).nullable().default(null),
  settings: partnerSettings,
  /** What its organisation payments may be, and which need an approver; absent: everything is paid. */
  organisationPolicy: organisationPolicy.nullable().default(null),
  invoiceboxOptions: invoiceboxOptions.prefault({}),
  funds: z
    .array(
      z.strictObject({
        currency: z.string().regex(/^[A-Z]{3}$/),
        overdraftMinor: integer.default(0),
        guard: z.enum(['enforce', 'warn']).default('enforce'),
        /** Booked once by its reference, the bill's number. */
        deposits: z
          .array(z.strictObject({ amountMinor: integer.min(1), reference: z.string().min(1).max(100) }))
          .default([]),
      }),
    )
    .max(20),
  /** What one person may do alone; all else needs a second one. */
  approvals: z.strictObject({ waived: z.array(z.enum(approvalActions)).default([]) }).prefault({}),
});

export type PartnerFile = z.input<typeof partnerFile>;

export interface AppliedPartner {
  readonly partnerId: string;
  /** Only when the partner had none: it can't be read again. */
  readonly apiKey: string | null;
}

/** @param client of a role that owns the tables */
export async function applyPartner(
  client: pg.Client,
  input: unknown,
  keyRing: KeyRing,
  testMode: boolean,
): Promise<AppliedPartner> {
  const partner = partnerFile.parse(input);
  await client.query('BEGIN');
  try {
    await client.query('SET LOCAL search_path = surety');
    // Two that apply the same partner at once come one after the other.
    await client.query('SELECT pg_advisory_xact_lock(hashtext($1))', [partner.slug]);
    const known = await client.query<{ id: string }>('SELECT id FROM partner WHERE slug = $1', [partner.slug]);
    const partnerId = known.rows[0]?.id ?? (await newId(client));
    await client.query("SELECT set_config('surety.partner', $1, true)", [partnerId]);
    const sealedSecret =
      partner.loginSecret === null ? null : keyRing.seal(partner.loginSecret, loginSecretPurpose(partnerId));
    // Applying again also says that somebody has looked at the fund. Bad credentials are cleared by a token check alone.
    await client.query(
      `INSERT INTO partner (id, slug, name, settings, invoicebox_token_sealed, login_secret_sealed, invoicebox_options, approvals,
         organisation_policy)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
       ON CONFLICT (id) DO UPDATE SET name = excluded.name, settings = excluded.settings,
         invoicebox_options = excluded.invoicebox_options, approvals = excluded.approvals, fund_doubted_at = NULL,
         organisation_policy = excluded.organisation_policy,
         invoicebox_token_sealed = excluded.invoicebox_token_sealed, login_secret_sealed = excluded.login_secret_sealed`,
      [
        partnerId,
        partner.slug,
        partner.name,
        partner.settings,
        keyRing.seal(partner.invoiceboxToken, tokenPurpose(partnerId)),
        sealedSecret,
        partner.invoiceboxOptions,
        partner.approvals,
        partner.organisationPolicy,
      ],
    );
    for (const fund of partner.funds) {
      await client.query(
        `INSERT INTO fund (partner_id, currency, overdraft_minor, guard) VALUES ($1, $2, $3, $4)
         ON CONFLICT (partner_id, currency) DO UPDATE SET overdraft_minor = excluded.overdraft_minor, guard = excluded.guard`,
        [partnerId, fund.currency, fund.overdraftMinor, fund.guard],
      );
      for (const deposit of fund.deposits) {
        await client.query('SELECT fund_deposit($1, $2, $3, $4, $5, now())', [
          partnerId,
          fund.currency,
          deposit.amountMinor,
          deposit.reference,
          { kind: 'operator', id: 'partner apply' },
        ]);
      }
    }
    const apiKey = await firstApiKey(client, partnerId, testMode);
    await client.query('COMMIT');
    return { partnerId, apiKey };
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}

async function newId(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ id: string }>('SELECT uuidv7() AS id');
  const id = rows[0]?.id;
  if (id === undefined) throw new Error('Postgres gave no id');
  return id;
}

async function firstApiKey(client: pg.Client, partnerId: string, testMode: boolean): Promise<string | null> {
  const { rowCount } = await client.query('SELECT FROM api_key WHERE partner_id = $1', [partnerId]);
  if (rowCount !== 0) return null;
  const { key, prefix, hash } = makeApiKey(testMode);
  await client.query('INSERT INTO api_key (partner_id, name, prefix, hash, scopes) VALUES ($1, $2, $3, $4, $5)', [
    partnerId,
    'first',
    prefix,
    hash,
    [...scopes],
  ]);
  return key;
}

/** Asks Invoicebox whose token it is; a valid one ends "credentials refused". @returns what came of it, in words */
async function checkToken(client: pg.Client, partnerId: string, partner: z.infer<typeof partnerFile>): Promise<string> {
  const timeouts = { connectMs: 15_000, readMs: 15_000, confirmMs: 15_000 };
  const invoicebox = new InvoiceboxClient({ timeouts, userAgent });
  try {
    const answer = await invoicebox.checkToken({ ...partner.settings.invoicebox, token: partner.invoiceboxToken });
    switch (answer.kind) {
      case 'valid':
        await client.query('UPDATE surety.partner SET credentials_failed_at = NULL WHERE id = $1', [partnerId]);
        return 'Invoicebox knows the token';
      case 'invalid':
        return `Invoicebox refuses the token (${answer.code}): payments will be declined until it is right`;
      case 'unavailable':
        return `Invoicebox could not be asked about the token (${answer.detail})`;
    }
  } finally {
    await invoicebox.close();
  }
}

async function main([verb, ...args]: readonly string[]): Promise<void> {
  switch (verb) {
    case 'apply': {
      const [file] = args;
      if (file === undefined) throw new Error(usage);
      return apply(file);
    }
    case 'reseal':
      return resealAll();
    case 'pause':
    case 'resume':
      return pauseFrom(verb, args);
    case undefined:
    default:
      throw new Error(usage);
  }
}

async function pauseFrom(verb: 'pause' | 'resume', args: readonly string[]): Promise<void> {
  const { DATABASE_ADMIN_URL } = readPauseConfig();
  const pool = new pg.Pool({ connectionString: DATABASE_ADMIN_URL, max: 1, options: '-c search_path=surety' });
  try {
    process.stdout.write(`${await pauseOrResume(pool, verb, args)}\n`);
  } finally {
    await pool.end();
  }
}

async function apply(file: string): Promise<void> {
  const config = readPartnerConfig();
  const input: unknown = JSON.parse(await readFile(file, 'utf8'));
  const client = new pg.Client({ connectionString: config.DATABASE_ADMIN_URL });
  await client.connect();
  try {
    const applied = await applyPartner(client, input, new KeyRing(config.SURETY_KEYS), config.SURETY_TEST_MODE === '1');
    process.stdout.write(`partner ${applied.partnerId} applied\n`);
    process.stdout.write(`${await checkToken(client, applied.partnerId, partnerFile.parse(input))}\n`);
    process.stdout.write(
      applied.apiKey === null ? 'it has API keys already; none was made\n' : `API key, shown once: ${applied.apiKey}\n`,
    );
  } finally {
    await client.end();
  }
}

async function resealAll(): Promise<void> {
  const config = readPartnerConfig();
  const client = new pg.Client({ connectionString: config.DATABASE_ADMIN_URL });
  await client.connect();
  try {
    const keyRing = new KeyRing(config.SURETY_KEYS);
    const { sealedAnew, already, lost } = await reseal(client, keyRing);
    const { sealingKeyId } = keyRing;
    process.stdout.write(`sealed anew by ${sealingKeyId}: ${sealedAnew}; were so already: ${already}\n`);
    for (const one of lost) process.stdout.write(`cannot be opened by any key of SURETY_KEYS: ${one}\n`);
    if (lost.length > 0) process.exitCode = 1;
  } finally {
    await client.end();
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await main(process.argv.slice(2));
  } catch (error) {
    const problem =
      error instanceof z.ZodError ? z.prettifyError(error) : error instanceof Error ? error.message : String(error);
    process.stderr.write(`Nothing was changed.\n${problem}\n`);
    process.exitCode = 1;
  }
}
