/** The one place that reads the environment: validated once, at start, into one typed object a process. */
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

const port = z.coerce.number().int().min(0).max(65_535);
const url = z.url().max(2_000);
/** Of a site, without the slashes at its end. */
const siteUrl = url.transform((text) => text.replace(/(?<!\/)\/+$/, ''));

const common = {
  DATABASE_URL: url,
  DATABASE_POOL_SIZE: z.coerce.number().int().min(1).max(200).default(20),
  TEMPORAL_ADDRESS: z.string().min(1).default('127.0.0.1:7233'),
  TEMPORAL_NAMESPACE: z.string().min(1).default('surety'),
  SURETY_KEYS: z
    .string()
    .regex(
      /^[\w-]+:[A-Za-z0-9+/=]{44}(,[\w-]+:[A-Za-z0-9+/=]{44})*$/,
      'must be id:base64-of-32-bytes, several by commas',
    ),
  /** Encrypts what Temporal keeps (src/codec.ts); absent or `plain`: nothing is. */
  SURETY_CODEC_KEYS: z
    .string()
    .regex(
      /^(plain|[\w-]+:[A-Za-z0-9+/=]{44})(,[\w-]+:[A-Za-z0-9+/=]{44})*$/,
      'must be id:base64-of-32-bytes, several by commas, or `plain` before keys that only open',
    )
    .default('plain'),
  SURETY_TEST_MODE: z.enum(['0', '1']).default('0'),
  /** Of a collector of traces, by OTLP over HTTP. Absent: there are none, and nothing of them is loaded. */
  OTEL_EXPORTER_OTLP_ENDPOINT: siteUrl.optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
} as const;

const claim = (name: string) => z.string().max(200).default(name);

/** The operators' console (docs/console.md); it is there when the first two are given. */
const consoleEnvironment = {
  /** By role surety_console, which reads and can write nothing. */
  DATABASE_CONSOLE_URL: url.optional(),
  OPERATOR_OIDC_ISSUER: url.optional(),
  OPERATOR_OIDC_CLIENT_ID: claim('surety-console'),
  /** Absent: a public client, by PKCE alone. */
  OPERATOR_OIDC_CLIENT_SECRET: z.string().max(1_000).optional(),
  OPERATOR_OIDC_SCOPE: claim('openid profile'),
  /** Names an operator in the audit log and beside what he did; it must never go over to somebody else. */
  OPERATOR_ID_CLAIM: claim('sub'),
  OPERATOR_NAME_CLAIM: claim('name'),
  /** A list of texts. */
  OPERATOR_ROLES_CLAIM: claim('roles'),
  /** A list of partners' ids, or `*`: all. */
  OPERATOR_PARTNERS_CLAIM: claim('partners'),
  /** What the provider calls our roles: `viewer=…,operator=…,approver=…`; several names of one role are given apart. */
  OPERATOR_ROLE_MAP: z
    .string()
    .max(2_000)
    .default('viewer=viewer,operator=operator,approver=approver')
    .transform((text) => text.split(',').map((pair) => pair.trim().split('=')))
    .pipe(z.array(z.tuple([z.enum(['viewer', 'operator', 'approver']), z.string().min(1)]))),
  /** A session that nobody uses is over after this. */
  OPERATOR_IDLE_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(86_400_000)
    .default(30 * 60_000),
  /** … and each after this. */
  OPERATOR_SESSION_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(86_400_000)
    .default(10 * 3_600_000),
  /** Who moves money or points has proven who he is no longer ago than this. */
  OPERATOR_FRESH_MS: z.coerce
    .number()
    .int()
    .min(1_000)
    .max(86_400_000)
    .default(10 * 60_000),
  /** The zone in which the console tells times. */
  CONSOLE_TIME_ZONE: z
    .string()
    .default('UTC')
    .refine((zone) => isTimeZone(zone), 'is no time zone'),
  /** The address of the Temporal UI, for links to a payment's workflow. */
  TEMPORAL_UI_URL: siteUrl.optional(),
} as const;

const isNetwork = (text: string): boolean =>
  ['loopback', 'linklocal', 'uniquelocal'].includes(text) || ipaddr.isValid(text) || ipaddr.isValidCIDR(text);

function isTimeZone(zone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone }).resolvedOptions().timeZone !== '';
  } catch {
    // RangeError: no such zone.
    return false;
  }
}

const apiEnvironment = z.object({
  ...common,
  PORT: port.default(3000),
  HOST: z.string().default('0.0.0.0'),
  SURETY_BASE_URL: siteUrl,
  /** How long a request waits for the saga's outcome before it says "processing", in milliseconds. */
  SURETY_ANSWER_WITHIN_MS: z.coerce.number().int().min(100).max(30_000).default(8_000),
  /** Where Prometheus finds this process, apart from the public port; 0: nowhere. */
  METRICS_PORT: port.default(9464),
  /** What one API key may ask of one API process, over 10 s. */
  SURETY_KEY_REQUESTS_PER_SECOND: z.coerce.number().int().min(1).max(10_000).default(100),
  /** What one address may ask of the pages that are open to everybody, over 10 s. Many buyers may be behind one. */
  SURETY_ADDRESS_REQUESTS_PER_SECOND: z.coerce.number().int().min(1).max(10_000).default(50),
  /**
   * Whose word about a client's address is taken (`X-Forwarded-For`): addresses and networks by commas, or Express's names of
   * them. Nobody comes from these himself but what stands in front of us.
   */
  TRUSTED_PROXIES: z
    .string()
    .max(2_000)
    .default('loopback,linklocal,uniquelocal')
    .transform((text) => text.split(',').map((one) => one.trim()))
    .refine((all) => all.every(isNetwork), 'must be addresses and networks by commas'),
  ...consoleEnvironment,
});

const workerEnvironment = z.object({
  ...common,
  /** Health, and what Prometheus reads: never a public port. */
  WORKER_HEALTH_PORT: port.default(3001),
  /** Of the role surety_monitor: for the figures of the books and their hourly check. Absent: there are none. */
  DATABASE_MONITOR_URL: url.optional(),
  /** Where the Temporal SDK tells its own metrics. Absent: nowhere. */
  TEMPORAL_METRICS_PORT: port.optional(),
  /** Which queues this worker serves: all by default; a larger deployment may scale them apart. Each must be served by some. */
  WORKER_QUEUES: z
    .string()
    .default('payments,invoicebox,background,webhooks,imports')
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(z.array(z.enum(['payments', 'invoicebox', 'background', 'webhooks', 'imports'])).min(1)),
  HOST: z.string().default('0.0.0.0'),
  /**
   * Given for a release whose workflows are incompatible with those before it: this worker belongs to the deployment
   * version `surety.<build id>`, and a payment ends on the version that it began on (docs/deploying.md).
   */
  WORKER_PINNED_BUILD_ID: z
    .string()
    .regex(/^[\w.-]{1,60}$/)
    .optional(),
  // No longer than the activities' time allows (src/workflows/calls.ts).
  INVOICEBOX_CONNECT_TIMEOUT_MS: z.coerce.number().int().min(1).max(15_000).default(15_000),
  INVOICEBOX_READ_TIMEOUT_MS: z.coerce.number().int().min(1).max(15_000).default(15_000),
  INVOICEBOX_CONFIRM_TIMEOUT_MS: z.coerce.number().int().min(1).max(30_000).default(30_000),
  /** Calls to Invoicebox at once: its rate times the longest call, so that an outage does not stop the queue. */
  INVOICEBOX_SLOTS: z.coerce.number().int().min(1).max(5_000).default(1_000),
  // No longer together than an attempt's activity may take (src/workflows/deliverWebhook.ts).
  WEBHOOK_CONNECT_TIMEOUT_MS: z.coerce.number().int().min(1).max(20_000).default(5_000),
  /** From the look-up of the name to the status line. */
  WEBHOOK_TOTAL_TIMEOUT_MS: z.coerce.number().int().min(1).max(20_000).default(10_000),
  /** Attempts at once. Of one endpoint a few, so that this is about endpoints, slow ones above all. */
  WEBHOOK_SLOTS: z.coerce.number().int().min(1).max(5_000).default(500),
  /** Imports of credits at once; each books by two connections. */
  IMPORT_SLOTS: z.coerce.number().int().min(1).max(50).default(3),
  /** Shrinks the waits between attempts and the three days that an endpoint may fail: for tests. */
  WEBHOOK_WAIT_SCALE: z.coerce.number().positive().max(1).default(1),
});

const migrateEnvironment = z.object({
  DATABASE_ADMIN_URL: url,
  SURETY_API_DB_PASSWORD: z.string().min(1),
  SURETY_WORKER_DB_PASSWORD: z.string().min(1),
  SURETY_MONITOR_DB_PASSWORD: z.string().min(1),
  SURETY_CONSOLE_DB_PASSWORD: z.string().optional(),
  LOG_LEVEL: common.LOG_LEVEL,
});

const callsPerSecond = {
  account: z.coerce.number().positive().max(1_000).default(3.16),
  address: z.coerce.number().positive().max(1_000).default(15.8),
} as const;

const temporalSetupEnvironment = z.object({
  TEMPORAL_ADDRESS: common.TEMPORAL_ADDRESS,
  TEMPORAL_NAMESPACE: common.TEMPORAL_NAMESPACE,
  /**
   * Invoicebox allows 100 calls in 30 s an account and 500 an address (contract, section 1). The server lets a second's
   * worth go at once after a pause, so at rate r a window of 30 s has at most ⌊31·r⌋ + 1: 98 and 490. What is left to the
   * limit is for calls that are late on their way, at either end of a window.
   */
  INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: callsPerSecond.account,
  INVOICEBOX_CALLS_PER_SECOND_ADDRESS: callsPerSecond.address,
  /** How often live payments are compared with their workflows. */
  SWEEP_EVERY_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(60_000),
  /** A payment this young may still be on its way to its workflow. */
  SWEEP_GRACE_MS: z.coerce.number().int().min(0).max(3_600_000).default(30_000),
  /** A hold this old whose workflow does not settle is taken up again. */
  SWEEP_HOLD_AGE_MS: z.coerce.number().int().min(0).max(3_600_000).default(300_000),
  /** A run whose workflow tasks have failed for so long is given up for a new one. */
  SWEEP_FAILING_MS: z.coerce.number().int().min(0).max(86_400_000).default(120_000),
  /** A sweep that takes longer is ended, so that the next can do the work. */
  SWEEP_TIMEOUT_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(600_000),
  /** How often each partner's fund and payments are reconciled with Invoicebox. */
  RECONCILE_EVERY_MS: z.coerce
    .number()
    .int()
    .min(60_000)
    .max(31 * 86_400_000)
    .default(6 * 3_600_000),
  /** How often what was written is sealed into the audit chains. */
  SEAL_EVERY_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(60_000),
  /** How often the books are checked (src/ledger/sql/ledger_violation.sql). */
  LEDGER_CHECK_EVERY_MS: z.coerce.number().int().min(1_000).max(86_400_000).default(3_600_000),
  /** How often deliveries are looked for that nobody has started. */
  WEBHOOK_START_EVERY_MS: z.coerce.number().int().min(1_000).max(3_600_000).default(60_000),
  /** A delivery that is due no longer than this may be under way. */
  WEBHOOK_START_GRACE_MS: z.coerce.number().int().min(0).max(3_600_000).default(30_000),
  LOG_LEVEL: common.LOG_LEVEL,
});

const partnerEnvironment = z.object({
  DATABASE_ADMIN_URL: url,
  SURETY_KEYS: common.SURETY_KEYS,
  SURETY_TEST_MODE: common.SURETY_TEST_MODE,
});

const pauseEnvironment = z.object({ DATABASE_ADMIN_URL: url });

/** Reads as surety_monitor; where its address is not given, as who owns the tables, and says so. */
const doctorEnvironment = z
  .object({
    DATABASE_MONITOR_URL: url.optional(),
    DATABASE_ADMIN_URL: url.optional(),
    SURETY_KEYS: common.SURETY_KEYS,
  })
  .transform(({ DATABASE_ADMIN_URL, DATABASE_MONITOR_URL, SURETY_KEYS }, context) => {
    const readUrl = DATABASE_MONITOR_URL ?? DATABASE_ADMIN_URL;
    if (readUrl === undefined) {
      context.addIssue({ code: 'custom', path: ['DATABASE_MONITOR_URL'], message: 'is needed, or DATABASE_ADMIN_URL' });
      return z.NEVER;
    }
    return { readUrl, SURETY_KEYS };
  });

const resolveEnvironment = z.object({
  DATABASE_ADMIN_URL: url,
  TEMPORAL_ADDRESS: common.TEMPORAL_ADDRESS,
  TEMPORAL_NAMESPACE: common.TEMPORAL_NAMESPACE,
  SURETY_CODEC_KEYS: common.SURETY_CODEC_KEYS,
});

const recoverEnvironment = z.object({
  DATABASE_ADMIN_URL: url,
  TEMPORAL_ADDRESS: common.TEMPORAL_ADDRESS,
  TEMPORAL_NAMESPACE: common.TEMPORAL_NAMESPACE,
  SURETY_KEYS: common.SURETY_KEYS,
  SURETY_CODEC_KEYS: common.SURETY_CODEC_KEYS,
  // While a ledger is recovered nobody else calls Invoicebox.
  INVOICEBOX_CALLS_PER_SECOND_ACCOUNT: callsPerSecond.account,
  INVOICEBOX_CALLS_PER_SECOND_ADDRESS: callsPerSecond.address,
});

/** Whoever has a worker's port is a worker. */
const healthyEnvironment = z.object({ WORKER_HEALTH_PORT: port.optional(), PORT: apiEnvironment.shape.PORT });

export type ApiConfig = z.infer<typeof apiEnvironment>;
export type WorkerConfig = z.infer<typeof workerEnvironment>;
export type MigrateConfig = z.infer<typeof migrateEnvironment>;
export type TemporalSetupConfig = z.infer<typeof temporalSetupEnvironment>;
export type PartnerConfig = z.infer<typeof partnerEnvironment>;

function read<T>(schema: z.ZodType<T>, environment: NodeJS.ProcessEnv = process.env): T {
  // Empty is absent: compose has no other way to pass on what may be missing, and 0 is not what an empty number means.
  const parsed = schema.safeParse(Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== '')));
  if (parsed.success) return parsed.data;
  // Names and rules only: a value may be a secret.
  const problems = parsed.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The environment is not complete; nothing was started. See .env.example.\n${problems.join('\n')}`);
}

export const readApiConfig = (environment?: NodeJS.ProcessEnv): ApiConfig => read(apiEnvironment, environment);
export const readWorkerConfig = (): WorkerConfig => read(workerEnvironment);
export const readMigrateConfig = (): MigrateConfig => read(migrateEnvironment);
export const readDoctorConfig = (): z.infer<typeof doctorEnvironment> => read(doctorEnvironment);
export const readResolveConfig = (): z.infer<typeof resolveEnvironment> => read(resolveEnvironment);
export const readPauseConfig = (): z.infer<typeof pauseEnvironment> => read(pauseEnvironment);
export const readRecoverConfig = (): z.infer<typeof recoverEnvironment> => read(recoverEnvironment);
export const readHealthyConfig = (): z.infer<typeof healthyEnvironment> => read(healthyEnvironment);
export const readPartnerConfig = (): PartnerConfig => read(partnerEnvironment);
export const readTemporalSetupConfig = (environment?: NodeJS.ProcessEnv): TemporalSetupConfig =>
  read(temporalSetupEnvironment, environment);
