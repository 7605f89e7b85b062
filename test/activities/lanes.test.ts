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
    const place = lanes.enterAtOnce(endpoint, true);
    if (typeof place === 'string') return places;
    places.push(place);
  }
}

it('an endpoint begins with a few, and gets more while it answers', () => {
  const lanes = new Lanes();
  const first = fill(lanes, 'a');
  expect(first).toHaveLength(4);
  expect(lanes.enterAtOnce('a', true)).toBe('busy');
  for (const leave of first) leave(true);
  expect(fill(lanes, 'a')).toHaveLength(32);
});

it('one that does not answer is tried one by one, and never at once', async () => {
  const lanes = new Lanes();
  entered(lanes.enterAtOnce('a', true))(false);
  expect(lanes.enterAtOnce('a', true)).toBe('unresponsive');
  const leave = entered(await lanes.enter('a', true));
  expect(await lanes.enter('a', true)).toBe('unresponsive');
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
  const waiting = lanes.enter('a', true);
  first?.(true);
  expect(typeof (await waiting)).toBe('function');
  fill(lanes, 'a');
  expect(await lanes.enter('a', true)).toBe('busy');
});

it('who waits when the endpoint stops answering is told so', async () => {
  const lanes = new Lanes();
  const places = fill(lanes, 'a');
  const waiting = lanes.enter('a', true);
  for (const leave of places.slice(1)) leave(false);
  expect(await waiting).toBe('unresponsive');
});

it('what is not urgent leaves some places; the urgent takes them, and waits before the others', async () => {
  const lanes = new Lanes();
  const places: Leave[] = [];
  for (;;) {
    const place = lanes.enterAtOnce('a', false);
    if (typeof place === 'string') break;
    places.push(place);
  }
  expect(places).toHaveLength(3);
  places.push(entered(lanes.enterAtOnce('a', true)));
  const order: string[] = [];
  const others = Array.from({ length: 40 }, async () => {
    if (typeof (await lanes.enter('a', false)) === 'function') order.push('other');
  });
  const urgent = lanes.enter('a', true).then((place) => {
    if (typeof place === 'function') order.push('urgent');
  });
  for (const leave of places) leave(true);
  await Promise.all([urgent, ...others]);
  expect(order[0]).toBe('urgent');
});
