import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { defaultPayloadConverter, type Payload } from '@temporalio/common';
import fc from 'fast-check';
import { EncryptingCodec } from '../src/codec.js';

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;
const payloadOf = (value: unknown) => defaultPayloadConverter.toPayload(value);
const valueOf = (payload: Payload | undefined) =>
  payload === undefined ? undefined : defaultPayloadConverter.fromPayload(payload);
const encodingOf = (payload: Payload | undefined) => Buffer.from(payload?.metadata?.['encoding'] ?? []).toString();

async function sealed(codec: EncryptingCodec, value: unknown): Promise<Payload> {
  const [payload] = await codec.encode([payloadOf(value)]);
  if (payload === undefined) throw new Error('nothing was encoded');
  return payload;
}
const opened = async (codec: EncryptingCodec, payload: Payload) => valueOf((await codec.decode([payload]))[0]);

describe('the codec of histories', () => {
  it('gives back whatever it was given, and shows nothing of it', async () => {
    const codec = new EncryptingCodec(key('k1'));
    await fc.assert(
      fc.asyncProperty(fc.array(fc.oneof(fc.jsonValue(), fc.uint8Array()), { maxLength: 5 }), async (values) => {
        const plain = values.map(payloadOf);
        const encoded = await codec.encode(plain);
        expect(encoded.map(encodingOf)).toEqual(values.map(() => 'binary/encrypted'));
        const decoded = await codec.decode(encoded);
        expect(decoded.map(valueOf)).toEqual(plain.map(valueOf));
      }),
    );
    const shown = Buffer.from((await sealed(codec, 'the amount is 1234')).data ?? []).toString('latin1');
    expect(shown).not.toMatch(/amount|1234|json/);
  });

  it('never encrypts the same thing alike', async () => {
    const codec = new EncryptingCodec(key('k1'));
    const seen = new Set<string>();
    for (let n = 0; n < 100; n++) seen.add(Buffer.from((await sealed(codec, null)).data ?? []).toString('hex'));
    expect(seen.size).toBe(100);
  });

  it('leaves alone what is not encrypted: histories from before are read as they are', async () => {
    const plain = payloadOf({ from: '0.1.0' });
    for (const keys of ['plain', key('k1'), `plain,${key('k1')}`]) {
      expect(await new EncryptingCodec(keys).decode([plain])).toEqual([plain]);
    }
  });

  it('writes plainly where there is no key, or `plain` stands first', async () => {
    for (const keys of ['plain', `plain,${key('k1')}`]) {
      expect(encodingOf(await sealed(new EncryptingCodec(keys), 7))).toBe('json/plain');
    }
  });

  it('goes from one key to the next, on and off, each step readable by the step before', async () => {
    const [old, next] = [key('old'), key('next')];
    const steps = ['plain', `plain,${old}`, old, `${old},${next}`, `${next},${old}`, next].map(
      (keys) => new EncryptingCodec(keys),
    );
    for (const [at, codec] of steps.entries()) {
      const payload = await sealed(codec, at);
      for (const neighbour of [steps[at - 1], steps[at + 1]]) {
        if (neighbour !== undefined) expect(await opened(neighbour, payload)).toBe(at);
      }
    }
    // What was left out of the ring cannot be read, and the error says where it has to be.
    const payload = await sealed(new EncryptingCodec(old), 'x');
    await expect(opened(new EncryptingCodec(next), payload)).rejects.toThrow(/no key "old".*SURETY_CODEC_KEYS/);
    await expect(opened(new EncryptingCodec('plain'), payload)).rejects.toThrow(/SURETY_CODEC_KEYS/);
  });

  it('refuses a payload of which any bit was changed, or that is cut', async () => {
    const codec = new EncryptingCodec(key('k1'));
    const payload = await sealed(codec, { points: 100 });
    const data = Buffer.from(payload.data ?? []);
    for (let at = 0; at < data.length; at++) {
      const changed = Buffer.from(data);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(opened(codec, { ...payload, data: changed })).rejects.toThrow();
    }
    for (const length of [0, 5, 12, 20, 28, data.length - 1]) {
      await expect(opened(codec, { ...payload, data: data.subarray(0, length) })).rejects.toThrow();
    }
  });
});
