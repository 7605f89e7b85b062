/** Webhooks of Surety's: Standard Webhooks 1.0 (https://www.standardwebhooks.com). */
import { Webhook } from 'standardwebhooks';
import type { components } from './events.js';
import type { components as answers } from './schema.js';

type Events = components['schemas'];
type Known = Events[keyof Events];

const knownTypes: Readonly<Record<keyof Events, true>> = {
  'payment.awaiting_confirmation': true,
  'payment.awaiting_approval': true,
  'payment.paid': true,
  'payment.declined': true,
  'payment.expired': true,
  'payment.cancelled': true,
  'payment.in_review': true,
  'payment.returned': true,
  'batch.finished': true,
  'points.credited': true,
  'points.expired': true,
  'import.finished': true,
  'fund.low': true,
  'fund.difference': true,
  'webhook_endpoint.disabled': true,
  'webhook_delivery.failed': true,
  test: true,
};

/** An event of a type that came after this release: answer 2xx and go on. */
interface Unknown {
  /** The same at every delivery, replays included: what is known by it is to be passed over. */
  readonly id: string;
  readonly type: 'unknown';
  readonly unknownType: string;
  readonly timestamp: string;
  /** Of a payment's events: greater is later, whichever comes first. */
  readonly sequence: number | null;
  readonly data: Readonly<Record<string, unknown>>;
}

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
  return typedEvent(event as Told);
}

type Told = answers['schemas']['Event'];

/** An event of the feed, `GET /v1/events`, as a webhook would tell it. */
export function typedEvent(event: Told): WebhookEvent {
  // It comes from Surety, by its signature or its address: its shape is the type's.
  if (Object.hasOwn(knownTypes, event.type)) return event as unknown as Known;
  return { ...event, type: 'unknown', unknownType: event.type };
}
