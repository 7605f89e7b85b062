/**
 * Seals small secrets (partners' tokens, payloads of histories) with AES-256-GCM. The first key seals; every key opens, so
 * that keys rotate. The purpose is authenticated, so that one sealed thing can't be put for another.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A shorter one, which GCM allows, can be guessed. */
const tagBytes = 16;
const ivBytes = 12;

/** What an algorithm gives and needs again; which key it was stands beside it. */
export interface Sealed {
  readonly keyId: string;
  readonly iv: Buffer;
  readonly tag: Buffer;
  readonly text: Buffer;
}

export class KeyRing {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly sealingKeyId: string;

  /**
   * @param text `id:base64-of-32-bytes`, several by commas, the sealing one first
   * @param setting where the text comes from, for who reads an error
   */
  constructor(
    text: string,
    private readonly setting = 'SURETY_KEYS',
  ) {
    const entries = text.split(',').map((entry): [string, Buffer] => {
      const [id = '', key = ''] = entry.split(':');
      return [id, Buffer.from(key, 'base64')];
    });
    const [first] = entries;
    if (first === undefined || entries.some(([id, key]) => id === '' || key.length !== 32)) {
      throw new Error(`${setting} holds a key that is not 32 bytes`);
    }
    this.#keys = new Map(entries);
    if (this.#keys.size < entries.length) throw new Error(`${setting} names two keys alike`);
    this.sealingKeyId = first[0];
  }

  /** @returns `keyId.iv.tag.ciphertext`, base64url */
  seal(plain: string, purpose: string): string {
    const { keyId, iv, tag, text } = this.sealBytes(Buffer.from(plain), purpose);
    return [keyId, ...[iv, tag, text].map((part) => part.toString('base64url'))].join('.');
  }

  /** Throws for everything that this ring has not sealed for this purpose, another spelling of it included. */
  open(sealed: string, purpose: string): string {
    const [keyId = '', iv = '', tag = '', text = '', ...more] = sealed.split('.');
    if (more.length > 0) throw new Error('A sealed text has four parts');
    return this.openBytes({ keyId, iv: bytesOf(iv), tag: bytesOf(tag), text: bytesOf(text) }, purpose).toString('utf8');
  }

  sealBytes(plain: Uint8Array, purpose: string): Sealed {
    const keyId = this.sealingKeyId;
    const iv = randomBytes(ivBytes);
    const cipher = createCipheriv('aes-256-gcm', this.#keyOf(keyId), iv, { authTagLength: tagBytes });
    cipher.setAAD(Buffer.from(purpose));
    const text = Buffer.concat([cipher.update(plain), cipher.final()]);
    return { keyId, iv, tag: cipher.getAuthTag(), text };
  }

  openBytes({ keyId, iv, tag, text }: Sealed, purpose: string): Buffer {
    const decipher = createDecipheriv('aes-256-gcm', this.#keyOf(keyId), iv, { authTagLength: tagBytes })
      .setAAD(Buffer.from(purpose))
      .setAuthTag(tag);
    return Buffer.concat([decipher.update(text), decipher.final()]);
  }

  #keyOf(keyId: string): Buffer {
    const key = this.#keys.get(keyId);
    if (key === undefined)
      throw new Error(`The key ring has no key "${keyId}": ${this.setting} must keep it until all is sealed anew`);
    return key;
  }
}

/** Node reads past what is no base64url: of all spellings only the one that was written is taken. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new Error('A sealed text is written in base64url');
  return bytes;
}
