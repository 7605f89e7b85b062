/** A partner's settings: what `partner.json` may say, with defaults. Stored as given; read through this schema. */
import { z } from 'zod';
import type { PaymentPolicy, Scheme } from './domain/payment.js';

const currency = z.string().regex(/^[A-Z]{3}$/);
const milliseconds = z
  .int()
  .min(0)
  .max(31 * 24 * 3_600_000);
const positive = z.int().min(1);
const timeZone = z
  .string()
  .refine((zone) => Intl.supportedValuesOf('timeZone').includes(zone) || zone === 'UTC', 'is not a time zone');

const timings = z.strictObject({
  /** A read older than this is repeated before the confirm. */
  freshnessMs: milliseconds.default(60_000),
  /** How long a price in points holds. */
  quoteTtlMs: milliseconds.default(30 * 60_000),
  /** While it is proven that Invoicebox executed nothing, a payment is given up after this. */
  giveUpAfterMs: milliseconds.optional(),
  pendingGapMs: milliseconds.default(30_000),
  quietMs: milliseconds.default(120_000),
  marginMs: milliseconds.default(600_000),
  /** Shrinks the waits between probes and calls; 1 in production. */
  waitScale: z.number().positive().max(1).default(1),
});

const loyalty = z.strictObject({
  /** Points = ceil(amountMinor × numerator ÷ denominator). */
  rates: z.record(currency, z.strictObject({ numerator: positive, denominator: positive })),
  login: z.strictObject({
    issuer: z.url(),
    clientId: z.string().min(1).max(200),
    /** The claim that names the member; empty and missing are refused. */
    externalIdClaim: z.string().min(1).max(100).default('sub'),
  }),
  /** Hosts that the buyer may be sent to: Invoicebox's payment page and the shop's return links. */
  linkHosts: z.array(z.string().min(1).max(253)).max(100),
  /** Names of the query parameters of the entry link: silent in the contract (section 6), so a setting. */
  parameters: z
    .strictObject({
      invoiceId: z.string().default('invoiceId'),
      successUrl: z.string().default('successUrl'),
      failUrl: z.string().default('failUrl'),
      cancelUrl: z.string().default('cancelUrl'),
    })
    .prefault({}),
  /** Absent: as the browser asks, else Russian. */
  language: z.enum(['ru', 'en']).optional(),
  support: z.string().max(200).default(''),
  releaseGraceDays: z.int().min(0).max(366).default(0),
});

export const partnerSettings = z.strictObject({
  timeZone: timeZone.default('Europe/Moscow'),
  invoicebox: z.strictObject({
    /** Address alone: a path, query or fragment would change what is called. */
    baseUrl: z
      .url({ protocol: /^https?$/ })
      .refine(
        (text) => new URL(text).href === `${new URL(text).origin}/`,
        'must be an address without path, query or credentials',
      ),
    prefix: z.enum(['/v3', '/l3']).default('/v3'),
  }),
  /** Whether signals that do not come through our API count (design.md, section 2). */
  trustTemporalSignals: z.boolean().default(false),
  loyalty: loyalty.nullable().default(null),
  organisation: z.strictObject({}).nullable().default(null),
  timings: timings.prefault({}),
});

export type PartnerSettings = z.infer<typeof partnerSettings>;
export type LoyaltySettings = z.infer<typeof loyalty>;

const giveUpAfterMs: Record<Scheme, number> = { loyalty: 15 * 60_000, organisation: 24 * 3_600_000 };

/** What a payment takes along when it opens: later changes of the settings do not change it under way. */
export function policyOf(settings: PartnerSettings, scheme: Scheme): PaymentPolicy {
  return {
    ...settings.timings,
    giveUpAfterMs: settings.timings.giveUpAfterMs ?? giveUpAfterMs[scheme],
    trustTemporalSignals: settings.trustTemporalSignals,
  };
}
