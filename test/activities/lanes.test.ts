/** How many deliveries to one endpoint are made at once. */
import { expect, it } from '@jest/globals';
import { Lanes, type Leave } from '../../src/activities/lanes.js';

function entered(place: Leave | string): Leave {
  if (typeof place === 'string') throw new Error(place);
  return place;
}

/** @returns the places that could be taken at once */
function fill(lanes: Lanes, endpoint: string): Leave[] {
  const places: Leave[] = [];
  for (;;) {
    const place = lanes.enterAtOnce(endpoint);
    if (typeof place === 'string') return places;
    places.push(place);
  }
}

it('an endpoint begins with a few, and gets more while it answers', () => {
  const lanes = new Lanes();
  const first = fill(lanes, 'a');
  expect(first).toHaveLength(4);
  expect(lanes.enterAtOnce('a')).toBe('busy');
  for (const leave of first) leave(true);
  expect(fill(lanes, 'a')).toHaveLength(32);
});

it('one that does not answer is tried one by one, and never at once', async () => {
  const lanes = new Lanes();
  entered(lanes.enterAtOnce('a'))(false);
  expect(lanes.enterAtOnce('a')).toBe('unresponsive');
  const leave = entered(await lanes.enter('a'));
  expect(await lanes.enter('a')).toBe('unresponsive');
  leave(true);
  expect(fill(lanes, 'a')).toHaveLength(4);
});

it('it takes no place from another', () => {
  const lanes = new Lanes();
  fill(lanes, 'a');
  expect(fill(lanes, 'b')).toHaveLength(4);
});

it('who waits is given the place that becomes free; who has waited too long goes away', async () => {
  const lanes = new Lanes();
  const [first] = fill(lanes, 'a');
  const waiting = lanes.enter('a');
  first?.(true);
  expect(typeof (await waiting)).toBe('function');
  fill(lanes, 'a');
  expect(await lanes.enter('a')).toBe('busy');
});

it('who waits when the endpoint stops answering is told so', async () => {
  const lanes = new Lanes();
  const places = fill(lanes, 'a');
  const waiting = lanes.enter('a');
  for (const leave of places.slice(1)) leave(false);
  expect(await waiting).toBe('unresponsive');
});
