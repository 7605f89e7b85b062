/** The fuzzer, for a short while: `npm run fuzz` makes as many calls as one has time for. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { KeyRing } from '../../src/keyring.js';
import { testKeys } from '../support/books.js';
import { operations } from '../support/operations.js';
import { World } from '../support/world.js';
import { drive } from './driver.js';
import { fuzzEnvironment, fuzzTemporalSetup, makeLivingWorld } from './livingWorld.js';

let world: World;
beforeAll(async () => {
  world = await World.open({ environment: fuzzEnvironment, temporalSetup: fuzzTemporalSetup });
});
afterAll(async () => {
  await world.assertBooksAgree();
  await world.close();
});

it('300 calls of every operation, valid and broken: no error of ours, and no answer that is not documented', async () => {
  const living = await makeLivingWorld(world.surety, world.keys.loyalty, new KeyRing(testKeys));
  const said: string[] = [];
  const verdict = await drive(living, { calls: 300, seed: 7 }, (line) => said.push(line));
  const wrong = said.filter((line) => line.startsWith('✗') && !line.endsWith('never answered 2xx'));
  expect(wrong).toEqual([]);
  expect(verdict).toMatchObject({
    calls: 300,
    operations: operations.length,
    serverErrors: 0,
    undocumentedResponses: 0,
  });
}, 120_000);
