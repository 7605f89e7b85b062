/** A partner's settings: what `partner.json` may say, with defaults. Stored as given; read through this schema. */
import { z } from 'zod';
import type { OrganisationPolicy } from './domain/organisationPolicy.js';
import type { PaymentPolicy, Scheme } from './domain/payment.js';
import type { QuotaShare } from './domain/quota.js';

const currency = z.string().regex(/^[A-Z]{3}$/);
const milliseconds = z
  .int()
  .min(0)
  .max(31 * 24 * 3_600_000);
const positive = z.int().min(1);
const pointsLimit = z.int().min(1).max(1e12);
const timeZone = z
  .string()
  .refine((zone) => Intl.supportedValuesOf('timeZone').includes(zone) || zone === 'UTC', 'is not a time zone');

const timings = z.strictObject({
  /** A read older than this is repeated before the confirm. */
  freshnessMs: milliseconds.min(1_000).default(60_000),
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
  language: z.enum(['ru', 'en']).nullish(),
  support: z
    .string()
    .max(200)
    .refine((text) => text.isWellFormed() && !/\p{C}/u.test(text), 'has invisible characters')
    .default(''),
  /**
   * Where our page may be shown in a frame: nowhere by default (silent in the contract, section 6). Only sites of our own
   * registrable domain work: in a foreign one browsers send no SameSite=Lax cookie, and nobody could log in.
   */
  frameAncestors: z
    .array(z.url({ protocol: /^https$/ }).max(253))
    .max(20)
    .default([]),
  branding: z
    .strictObject({
      /** Of buttons, under white text: below 4.5:1 contrast it is refused. */
      colour: z
        .string()
        .regex(/^#[0-9a-fA-F]{6}$/, 'must be #rrggbb')
        .refine((colour) => contrastToWhite(colour) >= 4.5, 'has less than 4.5:1 contrast to white text')
        .default('#0b5d4b'),
      /** A PNG, base64, at most 12 kB: shown from our own address, so that no third party is asked. */
      logoPng: z
        .base64()
        .max(16_000)
        .refine((text) => text.startsWith('iVBORw0KGgo'), 'is not a PNG')
        .nullable()
        .default(null),
    })
    .prefault({}),
  /** Points that were held past their last day and come back are spendable for so many days more. */
  releaseGraceDays: z.int().min(0).max(366).default(0),
  /** How long before their last day points are told to be expiring. */
  expiringSoonDays: z.int().min(1).max(366).optional(),
  /** What an invoice must cost to be paid with points, in points; absent: no limit. */
  minPoints: pointsLimit.nullish(),
  maxPoints: pointsLimit.nullish(),
});

/** What every account may ask of Invoicebox in 30 s (contract, section 1); the queue's rate an account is set for it. */
const standardRequestsPer30s = 100;

/** What a partner may change itself through the API; the rest is the operator's. */
export const programmeChanges = z
  .strictObject({
    language: loyalty.shape.language.unwrap(),
    support: loyalty.shape.support.unwrap(),
    branding: z.strictObject({
      colour: loyalty.shape.branding.unwrap().shape.colour.unwrap(),
      logoPng: loyalty.shape.branding.unwrap().shape.logoPng.unwrap(),
    }),
    releaseGraceDays: loyalty.shape.releaseGraceDays.unwrap(),
    expiringSoonDays: loyalty.shape.expiringSoonDays.unwrap(),
    minPoints: pointsLimit.nullable(),
    maxPoints: pointsLimit.nullable(),
  })
  .partial()
  .meta({ id: 'ChangeProgramme' });

/** WCAG 2.2, "contrast ratio", of a colour `#rrggbb` against white. */
export function contrastToWhite(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05);
}

/** Of partner.json; kept beside the settings, which the release before reads strictly. */
const minor = z.int().min(1).max(1e13);
const ruleText = z
  .string()
  .min(1)
  .max(200)
  .refine((text) => text.trim() !== '', 'is blank');
const ruleEffect = z.enum(['allow', 'ask', 'refuse']);

export const organisationPolicy = z.strictObject({
  /** Absent: every currency of the funds. */
  currencies: z.array(currency).min(1).max(20).optional(),
  /** Days and months are those of the partner's time zone. */
  limits: z
    .record(
      currency,
      z.strictObject({
        invoiceMinor: minor.optional(),
        dayMinor: minor.optional(),
        monthMinor: minor.optional(),
        approvalAboveMinor: z.int().min(0).max(1e13).optional(),
      }),
    )
    .default({}),
  /** The first that matches counts; `ask`: an approver is asked. */
  rules: z
    .array(
      z
        .strictObject({
          effect: ruleEffect,
          vatNumberStartsWith: ruleText.optional(),
          descriptionStartsWith: ruleText.optional(),
          descriptionContains: ruleText.optional(),
        })
        .refine((rule) => Object.keys(rule).length > 1, 'names nothing to look for'),
    )
    .max(1_000)
    .default([]),
  otherwise: ruleEffect.default('allow'),
}) satisfies z.ZodType<OrganisationPolicy>;

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

/**
 * More of how a partner's Invoicebox is spoken to. A column of its own: the release before reads the settings strictly,
 * and would stop at a key that it does not know.
 */
export const invoiceboxOptions = z.strictObject({
  /** Names of a list's page parameters: documented, or as Invoicebox's own code sends them (contract, section 2). */
  pageParameters: z.enum(['page', '_page']).default('page'),
  /** Invoices a page. */
  pageSize: z.int().min(1).max(100).default(30),
  /**
   * Which Invoicebox account it is: partners that share one share its quota, so give both the same name. A token does
   * not tell, since an account may have several. Absent: an account of its own.
   */
  account: z
    .string()
    .regex(/^[\w.:-]{1,64}$/)
    .optional(),
  /** The account's own limit (contract, section 1: 100, changeable per account). Partners of one account give the same. */
  requestsPer30s: z.int().min(1).max(10_000).default(standardRequestsPer30s),
});

/** As they are stored: what the operator has applied, and what the partner has changed itself. */
export const storedSettings = {
  settings: z.looseObject({ loyalty: z.looseObject({}).nullish() }),
  programme: z.record(z.string(), z.unknown()),
  // Not strict: a later release may have stored more.
  invoiceboxOptions: z.object(invoiceboxOptions.shape),
};

/** The partner's own changes count over what was applied. */
export function effectiveSettings<Row extends z.infer<z.ZodObject<typeof storedSettings>>>({
  settings,
  programme,
  invoiceboxOptions: options,
  ...rest
}: Row): Omit<Row, keyof typeof storedSettings> & { readonly settings: PartnerSettings } {
  const { loyalty } = settings;
  const own = loyalty === null || loyalty === undefined ? loyalty : { ...loyalty, ...programme };
  return { ...rest, settings: { ...partnerSettings.parse({ ...settings, loyalty: own }), invoiceboxOptions: options } };
}

/** How long before their last day points are told to be expiring, where the programme says nothing else. */
export const defaultSoonDays = 30;

export type PartnerSettings = z.infer<typeof partnerSettings> & {
  readonly invoiceboxOptions: z.infer<typeof invoiceboxOptions>;
};
export type LoyaltySettings = z.infer<typeof loyalty>;

const giveUpAfterMs: Record<Scheme, number> = { loyalty: 15 * 60_000, organisation: 24 * 3_600_000 };

/** What a payment takes along when it opens: later changes of the settings do not change it under way. */
export function policyOf(settings: PartnerSettings, scheme: Scheme): PaymentPolicy {
  return {
    ...settings.timings,
    giveUpAfterMs: settings.timings.giveUpAfterMs ?? giveUpAfterMs[scheme],
    trustTemporalSignals: settings.trustTemporalSignals,
    ...quotaShareOf(settings),
  };
}

/** Whose quota a partner's calls take; `quota` is absent where nothing is out of the ordinary. */
export function quotaShareOf({ invoiceboxOptions: { account, requestsPer30s } }: PartnerSettings): {
  readonly quota?: QuotaShare;
} {
  const weight = requestsPer30s / standardRequestsPer30s;
  if (account === undefined && weight === 1) return {};
  return { quota: { ...(account === undefined ? {} : { account }), ...(weight === 1 ? {} : { weight }) } };
}
