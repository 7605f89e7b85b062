/** Secrets and signatures of Standard Webhooks 1.0 (https://www.standardwebhooks.com). */
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

/** 24 random bytes, as the specification recommends. */
export const newWebhookSecret = (): string => `whsec_${randomBytes(24).toString('base64')}`;

/** What a sealed secret is bound to. */
export const webhookSecretPurpose = (endpointId: string): string => `webhook-secret/${endpointId}`;

/**
 * The three headers of a delivery. The id is the same at every attempt, the time is the attempt's.
 * @param secrets the present one first; while it is being replaced, the one before signs too
 */
export function signedHeaders(id: string, at: Date, body: string, secrets: readonly string[]): Record<string, string> {
  return {
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, at, body)).join(' '),
  };
}
