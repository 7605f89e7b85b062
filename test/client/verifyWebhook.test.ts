/** `verifyWebhook`: what is told only to those who were signed for, and only what was signed. */
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { verifyWebhook, WebhookRefused } from '../../packages/client/src/index.js';
import { signedHeaders } from '../../src/webhooks/signature.js';

const newSecret = () => `whsec_${randomBytes(24).toString('base64')}`;
const [secret, other] = [newSecret(), newSecret()];
const event = {
  id: randomUUID(),
  type: 'payment.paid',
  timestamp: '2026-05-17T10:00:00.000Z',
  sequence: 4,
  data: { paymentId: randomUUID(), state: 'paid', invoiceNumber: 'Счёт №7' },
};
const body = JSON.stringify(event);

const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000);
const signed = (text = body, { at = new Date(), by = [secret] } = {}) => signedHeaders(event.id, at, text, by);

describe('verifyWebhook answers the event', () => {
  it('typed by its type', () => {
    const told = verifyWebhook(body, signed(), secret);
    // Only after this is `data` a payment's.
    if (told.type !== 'payment.paid') throw new Error(`It is ${told.type}`);
    expect([told.data.paymentId, told.sequence]).toEqual([event.data.paymentId, 4]);
    expect(told).toEqual(event);
  });

  it.each([
    ['a Buffer', Buffer.from(body), signed()],
    ['other bytes', new TextEncoder().encode(body), signed()],
    ['headers of fetch', body, new Headers(signed())],
    ['headers in capitals', body, Object.fromEntries(Object.entries(signed()).map(([k, v]) => [k.toUpperCase(), v]))],
    ['headers in lists', body, Object.fromEntries(Object.entries(signed()).map(([k, v]) => [k, [v]]))],
  ])('given %s', (_, raw, headers) => {
    expect(verifyWebhook(raw, headers, secret)).toEqual(event);
  });

  it('while the secret is being replaced: signed with both, or known by both', () => {
    expect(verifyWebhook(body, signed(body, { by: [other, secret] }), secret).id).toBe(event.id);
    expect(verifyWebhook(body, signed(body, { by: [other] }), [secret, other]).id).toBe(event.id);
  });

  it('of a type that nobody knew yet', () => {
    const later = JSON.stringify({ ...event, type: 'payment.refunded', data: { more: true } });
    expect(verifyWebhook(later, signed(later), secret)).toMatchObject({
      type: 'unknown',
      unknownType: 'payment.refunded',
      data: { more: true },
    });
  });
});

describe('verifyWebhook refuses', () => {
  it('[case webhooks.js#71] the same JSON written again: the raw bytes decide', () => {
    const spaced = JSON.stringify(event, null, 1);
    expect(JSON.parse(spaced)).toEqual(JSON.parse(body));
    expect(() => verifyWebhook(spaced, signed(), secret)).toThrow(WebhookRefused);
    expect(verifyWebhook(spaced, signed(spaced), secret)).toEqual(event);
  });

  const bytes = Buffer.from(body);
  it.each([
    ['a changed body', body.replace('paid', 'void'), signed(), /signature/],
    ['another secret’s signature', body, signed(body, { by: [other] }), /signature/],
    ['one that is more than 5 minutes old', body, signed(body, { at: minutesAgo(6) }), /too old/],
    ['one from the future', body, signed(body, { at: minutesAgo(-6) }), /too new/],
    ['another time than was signed', body, { ...signed(), 'webhook-timestamp': '1' }, /too old/],
    ['another id than was signed', body, { ...signed(), 'webhook-id': 'other' }, /signature/],
    ['no headers', body, {}, /headers/i],
    ['bytes that are no UTF-8', Buffer.concat([bytes, Buffer.from([0xff])]), signed(`${body}\ufffd`), /UTF-8/],
    ['a mark before the body', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]), signed(), /signature/],
    ['what is no JSON', 'hello', signed('hello'), /JSON/],
    ['what is no event', '[]', signed('[]'), /event/],
  ])('%s', (_, raw, headers, words) => {
    const verify = () => verifyWebhook(raw, headers, secret);
    expect(verify).toThrow(WebhookRefused);
    expect(verify).toThrow(words);
  });

  it('what was parsed already, and a secret that is none, as mistakes of the code', () => {
    expect(() => verifyWebhook(event as unknown as string, signed(), secret)).toThrow(TypeError);
    expect(() => verifyWebhook(body, signed(), 'whsec_not base64!')).toThrow(TypeError);
    expect(() => verifyWebhook(body, signed(), [])).toThrow(WebhookRefused);
  });
});
