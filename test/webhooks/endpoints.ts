/** Small makers for what a partner sets up: endpoints with their secrets. */
import { randomUUID } from 'node:crypto';
import { KeyRing } from '../../src/keyring.js';
import { Webhooks } from '../../src/ledger/webhooks.js';
import { newWebhookSecret, webhookSecretPurpose } from '../../src/webhooks/signature.js';
import { testKeys } from '../support/books.js';
import type pg from 'pg';

export class Endpoints {
  readonly webhooks: Webhooks;
  readonly #keyRing = new KeyRing(testKeys);

  constructor(
    readonly admin: pg.Pool,
    readonly partnerId: string,
  ) {
    this.webhooks = new Webhooks(admin);
  }

  async register(url: string, eventTypes: readonly string[] | null = null): Promise<{ id: string; secret: string }> {
    const [id, secret] = [randomUUID(), newWebhookSecret()];
    await this.webhooks.createEndpoint({
      partnerId: this.partnerId,
      endpointId: id,
      url,
      description: '',
      eventTypes,
      secretSealed: this.#keyRing.seal(secret, webhookSecretPurpose(id)),
      mostEndpoints: 100,
      at: Date.now(),
    });
    return { id, secret };
  }

  async rotate(id: string, previousUntil: number): Promise<string> {
    const secret = newWebhookSecret();
    const sealed = this.#keyRing.seal(secret, webhookSecretPurpose(id));
    await this.webhooks.rotateSecret({
      partnerId: this.partnerId,
      endpointId: id,
      rotationId: randomUUID(),
      secretSealed: sealed,
      previousUntil,
      at: Date.now(),
    });
    return secret;
  }

  async state(id: string) {
    return this.webhooks.endpoint(this.partnerId, id, Date.now());
  }

  async delivery(id: string, eventId: string) {
    const all = await this.webhooks.deliveries(this.partnerId, id, { state: null, before: null, limit: 100 });
    return all?.find((delivery) => delivery.eventId === eventId) ?? null;
  }

  async delete(id: string): Promise<void> {
    await this.webhooks.deleteEndpoint(this.partnerId, id);
  }
}
