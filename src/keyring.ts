/**
 * Seals small secrets (partners' tokens) with AES-256-GCM. The first key seals; every key opens, so that keys rotate.
 * A sealed text is `keyId.iv.tag.ciphertext`, base64url; the purpose is authenticated, so that one can't be put for another.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** A shorter one, which GCM allows, can be guessed. */
const tagBytes = 16;

export class KeyRing {
  readonly #keys: ReadonlyMap<string, Buffer>;
  readonly #sealingKeyId: string;

  /** @param text `id:base64-of-32-bytes`, several by commas, the sealing one first. */
  constructor(text: string) {
    const entries = text.split(',').map((entry): [string, Buffer] => {
      const [id = '', key = ''] = entry.split(':');
      return [id, Buffer.from(key, 'base64')];
    });
    const [first] = entries;
    if (first === undefined || entries.some(([id, key]) => id === '' || key.length !== 32)) {
      throw new Error('SURETY_KEYS holds a key that is not 32 bytes');
    }
    this.#keys = new Map(entries);
    this.#sealingKeyId = first[0];
  }

  seal(plain: string, purpose: string): string {
    const key = this.#keys.get(this.#sealingKeyId);
    if (key === undefined) throw new Error('The key ring has no sealing key');
    const iv = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', key, iv, { authTagLength: tagBytes }).setAAD(Buffer.from(purpose));
    const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
    const parts = [iv, cipher.getAuthTag(), sealed].map((part) => part.toString('base64url'));
    return [this.#sealingKeyId, ...parts].join('.');
  }

  /** Throws for everything that this ring has not sealed for this purpose, another spelling of it included. */
  open(sealed: string, purpose: string): string {
    const [keyId = '', iv = '', tag = '', text = '', ...more] = sealed.split('.');
    if (more.length > 0) throw new Error('A sealed text has four parts');
    const key = this.#keys.get(keyId);
    if (key === undefined)
      throw new Error(`The key ring has no key "${keyId}": SURETY_KEYS must keep it until all is sealed anew`);
    const decipher = createDecipheriv('aes-256-gcm', key, bytesOf(iv), { authTagLength: tagBytes })
      .setAAD(Buffer.from(purpose))
      .setAuthTag(bytesOf(tag));
    return decipher.update(bytesOf(text), undefined, 'utf8') + decipher.final('utf8');
  }
}

/** Node reads past what is no base64url: of all spellings only the one that was written is taken. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw new Error('A sealed text is written in base64url');
  return bytes;
}
