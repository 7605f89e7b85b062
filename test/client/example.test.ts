/** The example does what it says, from a registered endpoint to a verified `payment.paid`. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { createClient } from '../../packages/client/src/index.js';
import { repository } from '../../scripts/stack.js';
import { World } from '../support/world.js';

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

const example = join(repository, 'dist/examples/partner-backend/main.js');

it('a partner’s backend hears that its payment is paid, and believes it by the signature', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [example], {
    cwd: repository,
    env: {
      ...process.env,
      SURETY_URL: world.surety.apiUrl,
      SURETY_KEY: world.keys.loyalty,
      TWIN_URL: world.twin.url,
    },
  });
  expect(stdout).toMatch(
    /^listening at .*\nopened .* 45000 RUB in minor units for 450 points\nconfirmed: paid\nwebhook payment\.paid, its signature is right: transaction [0-9a-f-]{36}\n$/,
  );
  const surety = createClient({ baseUrl: world.surety.apiUrl, apiKey: world.keys.loyalty });
  expect((await surety.get('/v1/webhook-endpoints')).data).toEqual([]);
});
