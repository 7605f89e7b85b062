/** What one API key may: its scopes on every operation of docs/openapi.json, and how often it may ask. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { freePort, untilReady } from '../../scripts/stack.js';
import { scopes } from '../../src/api/auth/apiKeys.js';
import { everything } from '../support/everything.js';
import { operations, withLabel, type Operation } from '../support/operations.js';
import { problemOf, send, type RawAnswer } from '../support/rawHttp.js';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open({ environment: { SURETY_KEY_REQUESTS_PER_SECOND: '10000' } });
});
afterAll(async () => {
  await world.close();
});

describe('a key', () => {
  it.each(withLabel(operations))(
    'that lacks the scope of %s: 403 that names it, nothing changed',
    async (_, operation) => {
      const all: readonly string[] = scopes;
      const lacking = operation.scope === 'every' ? ['fund:read'] : operation.scope.split(' or ');
      expect(all).toEqual(expect.arrayContaining(lacking));
      const made = await world.call(world.keys.loyalty, 'POST', '/v1/api-keys', {
        name: 'weak',
        scopes: all.filter((scope) => !lacking.includes(scope)),
      });
      const { id, key } = made.body as unknown as { id: string; key: string };
      const before = await everything(world.surety.admin);
      const answer = problemOf(await call(operation, key));
      expect([answer.status, answer.code, lacking.every((scope) => answer.text.includes(scope))]).toEqual([
        403,
        'forbidden',
        true,
      ]);
      expect(await everything(world.surety.admin)).toEqual(before);
      // A partner has no more keys than he is allowed, and there are more operations.
      await world.call(world.keys.loyalty, 'POST', `/v1/api-keys/${id}/revoke`);
    },
  );

  it('that asks too much is told when to come again, with nothing done; another is served meanwhile', async () => {
    const port = await freePort();
    const slow = world.surety.launchApi(port, { SURETY_KEY_REQUESTS_PER_SECOND: '1' });
    const url = `http://127.0.0.1:${port}`;
    await untilReady(`${url}/health/live`, slow);
    const asked = (key: string) => send(url, 'GET', '/v1/fund', { authorization: `Bearer ${key}` });
    const all: RawAnswer[] = [];
    for (let n = 0; n < 12; n++) all.push(await asked(world.keys.loyalty));
    // Ten in ten seconds, then no more.
    expect(all.map(({ status }) => status)).toEqual([...Array<number>(10).fill(200), 429, 429]);
    const refused = all[10];
    if (refused === undefined) throw new Error('Nothing was refused');
    expect(problemOf(refused).code).toBe('too_many_requests');
    expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    expect((await asked(world.keys.organisation)).status).toBe(200);
    await slow.stop(2_000);
  });
});

/** Of whatever: the key is judged before anything else is looked at. */
function call({ method, path, body }: Operation, key: string): Promise<RawAnswer> {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    'idempotency-key': randomUUID(),
  };
  const address = path.replaceAll(/\{[^}]+\}/g, () => randomUUID());
  return send(world.surety.apiUrl, method, address, headers, body === null ? '' : '{}');
}
