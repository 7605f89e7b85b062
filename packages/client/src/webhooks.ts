/** Webhooks of Surety's: Standard Webhooks 1.0 (https://www.standardwebhooks.com). */
import { Webhook } from 'standardwebhooks';
import type { components } from './schema.js';

/** How a payment stood when the event came to be. Amounts are integer minor units, points whole numbers. */
export interface PaymentTold {
  readonly paymentId: string;
  readonly scheme: 'loyalty' | 'organisation';
  readonly state: components['schemas']['Payment']['state'];
  /** Why it stands so: a code. New codes may come. */
  readonly reason: string | null;
  readonly refusalCode: string | null;
  readonly invoiceId: string;
  readonly invoiceNumber: string | null;
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly points: number | null;
  readonly memberId: string | null;
  /** Invoicebox's, of a paid payment. */
  readonly transactionId: string | null;
}

/** What each type of event tells. Fields may be added. */
interface Told {
  'payment.awaiting_confirmation': PaymentTold;
  'payment.paid': PaymentTold;
  'payment.declined': PaymentTold;
  'payment.expired': PaymentTold;
  'payment.cancelled': PaymentTold;
  'payment.in_review': PaymentTold;
  'points.credited': {
    readonly creditId: string;
    readonly memberId: string;
    readonly points: number;
    readonly reference: string;
    /** The last day on which they can be spent; null: they do not expire. */
    readonly expiresOn: string | null;
  };
  'points.expired': { readonly memberId: string; readonly points: number; readonly expiredOn: string };
  'import.finished': { readonly importId: string; readonly [field: string]: unknown };
  'webhook_endpoint.disabled': {
    readonly endpointId: string;
    readonly reason: string;
    readonly failingSince: string | null;
  };
  /** Sent by `POST /v1/webhook-endpoints/{id}/test` alone. */
  test: Readonly<Record<string, unknown>>;
}

const knownTypes: Readonly<Record<keyof Told, true>> = {
  'payment.awaiting_confirmation': true,
  'payment.paid': true,
  'payment.declined': true,
  'payment.expired': true,
  'payment.cancelled': true,
  'payment.in_review': true,
  'points.credited': true,
  'points.expired': true,
  'import.finished': true,
  'webhook_endpoint.disabled': true,
  test: true,
};

interface Envelope {
  /** The same at every delivery, replays included: what is known by it is to be passed over. */
  readonly id: string;
  /** When it happened, ISO 8601. */
  readonly timestamp: string;
  /** Of a payment's events: greater is later, whichever comes first. null: of another kind. */
  readonly sequence: number | null;
}

type Known = { [Type in keyof Told]: Envelope & { readonly type: Type; readonly data: Told[Type] } }[keyof Told];

/** An event of a type that came after this release: answer 2xx and go on. */
type Unknown = Envelope & {
  readonly type: 'unknown';
  readonly unknownType: string;
  readonly data: Readonly<Record<string, unknown>>;
};

export type WebhookEvent = Known | Unknown;

/** It is not Surety's, is too old, or was changed on the way: answer 400 and do nothing. */
export class WebhookRefused extends Error {
  override readonly name = 'WebhookRefused';
}

/**
 * @param rawBody the very bytes that came: JSON that was parsed and written again has another signature
 * @param headers as Node, fetch or a framework gives them; `webhook-id`, `webhook-timestamp`, `webhook-signature` count
 * @param secrets `whsec_…`; while you replace yours, both
 * Throws WebhookRefused where it cannot be trusted: no signature of these secrets, more than 5 minutes off.
 */
export function verifyWebhook(
  rawBody: string | Uint8Array,
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  secrets: string | readonly string[],
): WebhookEvent {
  const text = textOf(rawBody);
  const signed = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, headerOf(headers, name)]),
  );
  const webhooks = (typeof secrets === 'string' ? [secrets] : secrets).map(webhookOf);
  let refused: unknown = new Error('no secret was given');
  for (const webhook of webhooks) {
    try {
      webhook.verify(text, signed, { jsonParse: false });
      return eventOf(text);
    } catch (error) {
      if (error instanceof WebhookRefused) throw error;
      refused = error;
    }
  }
  throw new WebhookRefused(`The webhook is refused: ${refused instanceof Error ? refused.message : 'unknown'}`, {
    cause: refused,
  });
}

/** Bytes that are no UTF-8 would turn into the same signs as others: they are not what was signed. */
function textOf(rawBody: string | Uint8Array): string {
  if (typeof rawBody === 'string') return rawBody;
  if (!((rawBody as unknown) instanceof Uint8Array)) {
    throw new TypeError('verifyWebhook needs the raw body, before any parsing: in Express, `express.raw()`');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(rawBody);
  } catch (cause) {
    throw new WebhookRefused('The webhook is refused: its body is not UTF-8', { cause });
  }
}

function headerOf(
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  name: string,
): string {
  if (headers instanceof Headers) return headers.get(name) ?? '';
  const entry = Object.entries(headers).find(([given]) => given.toLowerCase() === name)?.[1];
  return typeof entry === 'string' ? entry : (entry?.[0] ?? '');
}

function webhookOf(secret: string): Webhook {
  try {
    return new Webhook(secret);
  } catch (cause) {
    throw new TypeError('A webhook secret must be whsec_ and base64, as it was shown', { cause });
  }
}

function eventOf(text: string): WebhookEvent {
  let event: unknown;
  try {
    event = JSON.parse(text);
  } catch (cause) {
    throw new WebhookRefused('The webhook is refused: its body is not JSON', { cause });
  }
  if (typeof event !== 'object' || event === null || !('type' in event) || typeof event.type !== 'string') {
    throw new WebhookRefused('The webhook is refused: its body is no event');
  }
  // Its signature says that it is Surety's, so its shape is the type's.
  if (Object.hasOwn(knownTypes, event.type)) return event as Known;
  return { ...(event as Omit<Unknown, 'unknownType'>), type: 'unknown', unknownType: event.type };
}
