import { z } from 'zod';

/** Compose files pass unset variables as empty strings: both mean "absent". */
const absentWhenEmpty = (value: unknown): unknown => (value === '' ? undefined : value);
const text = (fallback: string) => z.preprocess(absentWhenEmpty, z.string().max(1_000).default(fallback));
const optionalText = z.preprocess(absentWhenEmpty, z.string().max(1_000).optional());
const address = z.url({ protocol: /^https?$/ }).transform((url) => url.replace(/\/+$/, ''));

const Environment = z.object({
  SIMULATOR_HOST: text('127.0.0.1'),
  SIMULATOR_PORT: z.preprocess(absentWhenEmpty, z.coerce.number().int().min(0).max(65_535).default(4010)),
  SIMULATOR_PUBLIC_URL: z.preprocess(absentWhenEmpty, address.optional()),
  SIMULATOR_DATA: optionalText,
  SIMULATOR_TOKEN: optionalText,
  SIMULATOR_QUOTAS: z.preprocess(absentWhenEmpty, z.enum(['0', '1']).default('0')),
  SHOP_ACCOUNT: text('demo-loyalty'),
  SURETY_URL: z.preprocess(absentWhenEmpty, address.default('http://localhost:3000')),
  SURETY_PARTNER: z.preprocess(
    absentWhenEmpty,
    z
      .string()
      .regex(/^[a-z0-9-]{1,64}$/)
      .default('kafeteriy'),
  ),
  IDP_CLIENT_SECRET: text('demo-secret'),
  IDP_REDIRECT_URIS: z.preprocess(absentWhenEmpty, z.string().max(10_000).default('')),
});

export interface SimulatorConfig {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** What browsers and Surety call us; absent: http://127.0.0.1:<port>. */
  readonly publicUrl?: string | undefined;
  /** Absent: the books live in memory only. */
  readonly journalPath?: string | undefined;
  /** Whether 100 requests of an account and 500 of an address in 30 s are the most; control changes it. */
  readonly quotas: boolean;
  readonly suretyUrl: string;
  readonly partner: string;
  readonly shop: {
    readonly account: string;
    /** Given: the shop's account is opened at the start with this token, unless the books know it already. */
    readonly token?: string | undefined;
  };
  readonly idp: {
    readonly clientSecret: string;
    readonly redirectUris: readonly string[];
    /** Of the operators' console, a client of its own by the same secret. */
    readonly consoleRedirectUri: string;
  };
}

/** The one place that reads the environment. Throws an error that names every wrong variable. */
export function readConfig(environment: NodeJS.ProcessEnv): SimulatorConfig {
  const parsed = Environment.safeParse(environment);
  if (!parsed.success) throw new Error(`The simulator's environment is wrong:\n${z.prettifyError(parsed.error)}`);
  const e = parsed.data;
  const more = e.IDP_REDIRECT_URIS.split(',').map((uri) => uri.trim());
  return {
    host: e.SIMULATOR_HOST,
    port: e.SIMULATOR_PORT,
    publicUrl: e.SIMULATOR_PUBLIC_URL,
    journalPath: e.SIMULATOR_DATA,
    quotas: e.SIMULATOR_QUOTAS === '1',
    suretyUrl: e.SURETY_URL,
    partner: e.SURETY_PARTNER,
    shop: { account: e.SHOP_ACCOUNT, token: e.SIMULATOR_TOKEN },
    idp: {
      clientSecret: e.IDP_CLIENT_SECRET,
      redirectUris: [`${e.SURETY_URL}/pay/${e.SURETY_PARTNER}/login/callback`, ...more.filter((uri) => uri !== '')],
      consoleRedirectUri: `${e.SURETY_URL}/console/login/callback`,
    },
  };
}
