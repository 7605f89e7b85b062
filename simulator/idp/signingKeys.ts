import { createPrivateKey, generateKeyPair, type JsonWebKey, randomUUID, sign } from 'node:crypto';
import { promisify } from 'node:util';

const MAX_KEYS = 3;

export interface SigningKey extends JsonWebKey {
  readonly kid: string;
}

export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2_048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

/** The new key signs; older ones stay for whoever still holds a token of theirs. */
export function withNewest(newest: SigningKey, keys: readonly SigningKey[]): readonly SigningKey[] {
  return [newest, ...keys].slice(0, MAX_KEYS);
}

/** The same JWT as if a clock that differs by `offsetSeconds` had issued it, signed again by the same key. */
export function shiftIssuedAt(jwt: string, offsetSeconds: number, keys: readonly SigningKey[]): string {
  const [header = '', payload = ''] = jwt.split('.');
  const { kid } = decoded(header);
  const key = keys.find((candidate) => candidate.kid === kid);
  if (!key) throw new Error('The id_token was signed by a key that is gone');
  const claims = decoded(payload);
  const shifted = { ...claims, iat: Number(claims.iat) + offsetSeconds, exp: Number(claims.exp) + offsetSeconds };
  const signed = `${header}.${Buffer.from(JSON.stringify(shifted)).toString('base64url')}`;
  const signature = sign('sha256', Buffer.from(signed), createPrivateKey({ key, format: 'jwk' }));
  return `${signed}.${signature.toString('base64url')}`;
}

function decoded(part: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Record<string, unknown>;
}
