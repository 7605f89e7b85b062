import { describe, expect, it } from '@jest/globals';
import { withHttp, type Reply } from './servers.js';

describe('checkToken', () => {
  it.each<[string, Reply, object]>([
    ['a user', { body: { data: { userId: 'u-1', x: 1 } } }, { kind: 'valid', userId: 'u-1' }],
    ['a user’s number', { body: { data: { userId: 7 } } }, { kind: 'valid', userId: '7' }],
    ['no user', { body: { data: { userId: null } } }, { kind: 'invalid', code: 'no_user' }],
    ['401', { status: 401, body: { error: { code: 'unauthorized' } } }, { kind: 'invalid', code: 'unauthorized' }],
    ['403', { status: 403, body: { code: 'forbidden' } }, { kind: 'invalid', code: 'forbidden' }],
    ['401 of a proxy', { status: 401, body: '<html>' }, { kind: 'unavailable', detail: 'http_401' }],
    ['422', { status: 422, body: { error: { code: 'validation' } } }, { kind: 'unavailable', detail: 'http_422' }],
    ['429', { status: 429, body: { code: 'x' } }, { kind: 'unavailable', detail: 'http_429' }],
    ['500', { status: 500 }, { kind: 'unavailable', detail: 'http_500' }],
    ['another body', { body: { data: {} } }, { kind: 'unavailable', detail: 'malformed' }],
    ['a page', { body: '<html>' }, { kind: 'unavailable', detail: 'malformed' }],
    ['a redirect', { status: 301, headers: { location: '/' } }, { kind: 'unavailable', detail: 'redirect' }],
  ])('%s', async (_, reply, expected) => {
    await withHttp(reply, async ({ client, account, seen }) => {
      expect(await client.checkToken(account)).toStrictEqual(expected);
      expect(seen[0]).toMatchObject({ method: 'GET', url: '/v3/security/api/auth/auth' });
    });
  });
});
