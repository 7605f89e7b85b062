/** `/v1/events`: what partners are told, as a feed to read in order. */
import { Get, Query } from '@nestjs/common';
import { z } from 'zod';
import { Webhooks } from '../../ledger/webhooks.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors } from '../cursors.js';
import { ApiController, Endpoint } from '../endpoint.js';
import { Problem } from '../problem.js';
import { queryInteger } from '../validate.js';
import { listenableTypes } from './eventSchemas.js';

const feedQuery = z.strictObject({
  after: z
    .string()
    .max(1_000)
    .default('')
    .meta({ description: 'The `next` of the answer before; absent: the beginning' }),
  limit: queryInteger(1, 200).default(50).meta({ description: 'At most so many events' }),
  type: z.enum(listenableTypes).optional(),
});

const eventSchema = z
  .looseObject({
    id: z.uuid(),
    type: z.string().meta({ description: 'More types may come' }),
    timestamp: z.string(),
    sequence: z.int().nullable(),
    data: z.looseObject({}),
  })
  .meta({ id: 'Event', description: 'Each type has a JSON schema in docs/events' });

const feedSchema = z
  .object({
    data: z.array(eventSchema),
    next: z
      .string()
      .meta({ description: 'Give it as `after`, now or later; it is always there, also after the last event' }),
  })
  .meta({ id: 'EventFeed' });

const position = z.object({ epoch: z.int(), xid: z.string().regex(/^\d{1,20}$/), position: z.int() });

@ApiController('v1/events', 'Events')
export class EventsController {
  constructor(
    private readonly webhooks: Webhooks,
    private readonly cursors: Cursors,
  ) {}

  @Get()
  @Endpoint({
    scope: 'webhooks:write',
    summary: 'Read events in order',
    description:
      'Every event once, in an order that no late one slips behind; of a payment, by its sequence. Ask again with `next` for what has come since.',
    answers: { 200: feedSchema },
    problems: ['cursor_outdated'],
  })
  async read(@CallerOf() { partnerId }: Caller, @Query({ schema: feedQuery }) query: z.infer<typeof feedQuery>) {
    const type = query.type ?? null;
    const list = { partnerId, list: 'events', filters: { type } };
    const from = query.after === '' ? null : this.cursors.open(list, query.after, position);
    const page = await this.webhooks.feed(partnerId, from ?? { xid: '0', position: 0 }, type, query.limit);
    if (from !== null && from.epoch !== page.epoch) {
      throw new Problem(
        'cursor_outdated',
        'The events were restored from a backup: some that you have read may be gone, and others may stand in their place.',
      );
    }
    const last = page.events.length < query.limit ? { xid: page.horizon, position: 0 } : page.events.at(-1);
    const { xid, position: place } = last ?? { xid: page.horizon, position: 0 };
    return {
      data: page.events.map(({ body }) => body),
      next: this.cursors.seal(list, { epoch: page.epoch, xid, position: place }),
    };
  }
}
