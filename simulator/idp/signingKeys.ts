import { generateKeyPair, randomUUID, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import type { JWK } from 'oidc-provider';

export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  jwk: JWK;
}

export async function newSigningKey(): Promise<SigningKey> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 });
  const kid = randomUUID();
  return { kid, privateKey, jwk: { ...(privateKey.export({ format: 'jwk' }) as JWK), kid, alg: 'RS256', use: 'sig' } };
}

/** The same id_token as if it had been issued `offsetSeconds` later, signed again. */
export function shiftIdToken(idToken: string, offsetSeconds: number, key: SigningKey): string {
  const [, payload = ''] = idToken.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as { iat: number; exp: number };
  const shifted = { ...claims, iat: claims.iat + offsetSeconds, exp: claims.exp + offsetSeconds };
  const signed = [{ alg: 'RS256', typ: 'JWT', kid: key.kid }, shifted]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('RSA-SHA256', Buffer.from(signed), key.privateKey);
  return `${signed}.${signature.toString('base64url')}`;
}
