/** `/console/webhooks`: what was sent to partners' endpoints and how it went, and sending it again. */
import { Body, Controller, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { Webhooks } from '../../../ledger/webhooks.js';
import { WebhookStarts } from '../../../webhookStarts.js';
import { listenableTypes } from '../../events/eventSchemas.js';
import { moment } from '../../validate.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { evidence, filtersOf, formOf, idOf } from '../forms.js';
import { hasRole, type Operator } from '../operator.js';
import { addressOf, pageOf } from '../paging.js';
import {
  deliveryStates,
  readDeliveries,
  readEndpoint,
  readEndpoints,
  type DeliveryRow,
  type EndpointRow,
} from './webhookReads.js';
import { enableReasons, EndpointPage, WebhooksPage } from './webhookViews.js';

const path = '/console/webhooks';
const mostReplayed = 10_000;
const uuid = '[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}';
const place = z
  .string()
  .regex(new RegExp(`^${uuid}_${uuid}$`), 'is no place in the list')
  .transform((text) => [text.slice(0, 36), text.slice(37)] as const);
const ofDeliveries = {
  state: z.enum(deliveryStates, 'is no state of a delivery').optional(),
  type: z.enum(listenableTypes, 'is no event').optional(),
  before: place.optional(),
  after: place.optional(),
};
const filters = z.object({
  partner: z.string().max(63).optional(),
  endpoint: z.uuid('is no endpoint').optional(),
  ...ofDeliveries,
});
const endpointFilters = z.object(ofDeliveries);
const version = z.enum(['enabled', 'disabled'], 'is missing');
const enableForm = z.object({ version, ...evidence(enableReasons) });
const rangeForm = z.object({
  version,
  from: moment,
  to: moment,
  which: z.enum(['undelivered', 'all'], 'is one of the list'),
});

@ApiExcludeController()
@Controller('console/webhooks')
@UseGuards(ConsoleGuard)
export class ConsoleWebhooksController {
  constructor(
    private readonly desk: Desk,
    private readonly webhooks: Webhooks,
    private readonly starts: WebhookStarts,
    private readonly acts: Acts,
  ) {}

  @Get()
  async list(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { before, after, partner: slug, endpoint, state, type } = filtersOf(filters, request.query);
    const only = { state: state ?? null, type: type ?? null };
    const { partners, endpoints, found } = await this.desk.reads.for(operator, async (reads) => {
      const partner = await this.desk.partnerOf(request, reads);
      const known = await readEndpoints(reads, partner?.id ?? null);
      const wanted = known.map(({ id }) => id).filter((id) => endpoint === undefined || id === endpoint);
      return {
        partners: await this.desk.partners(reads),
        endpoints: known,
        found: await readDeliveries(reads, wanted, only, { before, after }),
      };
    });
    const chosen = { partner: slug, endpoint, state, type };
    this.desk.show(
      request,
      response,
      { view: 'webhooks', title: 'Webhooks', path, live: before === undefined && after === undefined },
      <WebhooksPage
        page={pageOf(found, { before, after }, placeOf, path, chosen)}
        partners={partners}
        endpoints={endpoints}
        chosen={chosen}
        mayAct={hasRole(operator, 'operator')}
        forms={this.desk.formsOf(request)}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }

  @Get('endpoints/:id')
  async endpoint(
    @Me() operator: Operator,
    @Param('id') text: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const { before, after, state, type } = filtersOf(endpointFilters, request.query);
    const endpoint = await this.#endpoint(operator, idOf(text), request);
    const only = { state: state ?? null, type: type ?? null };
    const found = await this.desk.reads.for(operator, (reads) =>
      readDeliveries(reads, [endpoint.id], only, { before, after }),
    );
    const chosen = { state, type };
    const now = Date.now();
    this.desk.show(
      request,
      response,
      { view: 'endpoint', title: 'Endpoint', path, live: before === undefined && after === undefined },
      <EndpointPage
        endpoint={endpoint}
        page={pageOf(found, { before, after }, placeOf, `${path}/endpoints/${endpoint.id}`, chosen)}
        chosen={chosen}
        mayAct={hasRole(operator, 'operator')}
        forms={this.desk.formsOf(request)}
        from={toTheSecond(now - 86_400_000)}
        to={toTheSecond(now)}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }

  @Post('endpoints/:id/replay/:eventId')
  @NeedsRole('operator')
  async replay(
    @Me() operator: Operator,
    @Param('id') text: string,
    @Param('eventId') eventText: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const [endpoint, eventId] = [await this.#endpoint(operator, idOf(text), request), idOf(eventText)];
    const here = `${path}/endpoints/${endpoint.id}`;
    const begun = await this.acts.begin(request, { ...actOn(endpoint, 'replay'), detail: { eventId } });
    const { outcome } = await this.webhooks.replay(endpoint.partnerId, endpoint.id, eventId, Date.now());
    if (outcome !== 'asked') return begun.refuse(outcome, notSent(outcome, here));
    await begun.done();
    response.redirect(303, addressOf(here, { done: 'replayed' }));
  }

  @Post('endpoints/:id/replay')
  @NeedsRole('operator')
  async replayRange(
    @Me() operator: Operator,
    @Param('id') text: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const { version: seen, which, ...span } = formOf(rangeForm, body);
    const [from, to] = [Date.parse(span.from), Date.parse(span.to)];
    const endpoint = await this.#endpoint(operator, idOf(text), request);
    const here = `${path}/endpoints/${endpoint.id}`;
    if (to <= from) throw new ConsoleStop('invalid', 'The span would end before it begins.', here);
    const begun = await this.acts.begin(request, { ...actOn(endpoint, 'replay_range'), detail: { ...span, which } });
    if (endpoint.state !== seen) return begun.refuse('stale', isOther(endpoint, here));
    const wish = { from, to, undeliveredOnly: which === 'undelivered', most: mostReplayed };
    const asked = await this.webhooks.replayRange(endpoint.partnerId, endpoint.id, wish, Date.now());
    if (asked.outcome !== 'asked') return begun.refuse(asked.outcome, notSent(asked.outcome, here));
    this.starts.lookNow();
    const { deliveries, complete, to: until } = asked;
    await begun.done({ deliveries, complete, until });
    response.redirect(303, addressOf(here, { done: complete ? 'range_replayed' : 'range_begun' }));
  }

  @Post('endpoints/:id/enable')
  @NeedsRole('operator')
  async enable(
    @Me() operator: Operator,
    @Param('id') text: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const { version: seen, ...given } = formOf(enableForm, body);
    const endpoint = await this.#endpoint(operator, idOf(text), request);
    const here = `${path}/endpoints/${endpoint.id}`;
    const { state, disabledReason, failingSince } = endpoint;
    const begun = await this.acts.begin(request, {
      ...actOn(endpoint, 'enable'),
      detail: { ...given, shown: { state, disabledReason, failingSince } },
    });
    if (state !== seen) return begun.refuse('stale', isOther(endpoint, here));
    const { outcome } = await this.webhooks.changeEndpoint(
      endpoint.partnerId,
      endpoint.id,
      { state: 'enabled' },
      Date.now(),
    );
    if (outcome !== 'changed') {
      return begun.refuse(outcome, new ConsoleStop('not_found', 'The partner has deleted it.', path));
    }
    await begun.done();
    response.redirect(303, addressOf(here, { done: 'enabled' }));
  }

  async #endpoint(operator: Operator, id: string, request: Request): Promise<EndpointRow> {
    const found = await this.desk.reads.for(operator, (reads) => readEndpoint(reads, id));
    return found ?? this.desk.notSeen(request, 'webhook_endpoint', id);
  }
}

const placeOf = ({ eventId, endpointId }: DeliveryRow): string => `${eventId}_${endpointId}`;
const toTheSecond = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

const actOn = ({ id, partnerId }: EndpointRow, what: 'replay' | 'replay_range' | 'enable') => ({
  action: `webhook.${what}`,
  subjectKind: 'endpoint',
  subject: id,
  partnerId,
});

const isOther = ({ state }: EndpointRow, here: string): ConsoleStop =>
  new ConsoleStop('stale_page', `It is ${state} by now.`, here);

function notSent(outcome: 'disabled' | 'not_found', here: string): ConsoleStop {
  switch (outcome) {
    case 'disabled':
      return new ConsoleStop('stale_page', 'The endpoint is disabled: enable it first.', here);
    case 'not_found':
      return new ConsoleStop('not_found', 'There is no such event, or the endpoint was deleted.', path);
  }
}
