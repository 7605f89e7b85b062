import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { KeyRing } from '../src/keyring.js';

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

describe('the key ring', () => {
  it('opens what it sealed, for the same purpose alone', () => {
    const ring = new KeyRing(key('k1'));
    const sealed = ring.seal('секрет', 'a');
    expect(sealed).not.toContain('секрет');
    expect(ring.open(sealed, 'a')).toBe('секрет');
    expect(() => ring.open(sealed, 'b')).toThrow();
  });

  it('seals with the first key and still opens with the older ones', () => {
    const old = key('old');
    const sealed = new KeyRing(old).seal('x', 'p');
    const rotated = new KeyRing(`${key('new')},${old}`);
    expect(rotated.open(sealed, 'p')).toBe('x');
    expect(rotated.seal('x', 'p')).toMatch(/^new\./);
    expect(() => new KeyRing(key('other')).open(sealed, 'p')).toThrow(/no key "old"/);
  });

  it('refuses what was tampered with, and keys that are none', () => {
    const ring = new KeyRing(key('k1'));
    const [id, iv, tag, text] = ring.seal('secret', 'p').split('.');
    expect(() =>
      ring.open([id, iv, tag, (text ?? '').replace(/^./, (c) => (c === 'A' ? 'B' : 'A'))].join('.'), 'p'),
    ).toThrow();
    expect(() => new KeyRing('k1:short')).toThrow(/32 bytes/);
  });

  it.each([0, 1, 4, 8, 12, 13, 14, 15, 17])('refuses a tag of %i bytes: a short one can be guessed', (bytes) => {
    const ring = new KeyRing(key('k1'));
    const [id, iv, tag = '', text] = ring.seal('secret', 'p').split('.');
    const cut = Buffer.concat([Buffer.from(tag, 'base64url'), Buffer.of(0)]).subarray(0, bytes);
    expect(() => ring.open([id, iv, cut.toString('base64url'), text].join('.'), 'p')).toThrow();
  });

  it('refuses another spelling of what it sealed', () => {
    const ring = new KeyRing(key('k1'));
    const sealed = ring.seal('secret', 'p');
    for (const other of [
      `${sealed}.`,
      `${sealed}.x`,
      `${sealed}=`,
      sealed.replace(/\.(?=[^.]*$)/, '.\u00ff'),
      `${sealed}\n`,
    ]) {
      expect(() => ring.open(other, 'p')).toThrow();
    }
  });
});
