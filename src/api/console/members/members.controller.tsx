/** `/console/members`: one member at a time, looked up by name or id, which is written down before he is shown. */
import { Body, Controller, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Adjustments } from '../../../ledger/adjustments.js';
import { Points } from '../../../ledger/points.js';
import { defaultSoonDays } from '../../../partnerSettings.js';
import { day, externalId, reference as referenceText } from '../../validate.js';
import { Acts } from '../acts.js';
import { endAsAsked } from '../askedChange.js';
import { ConsoleGuard, Me, NeedsFreshLogin, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { evidence, filtersOf, formOf, idOf, said } from '../forms.js';
import { actorOf, hasRole, type Operator } from '../operator.js';
import { addressOf, rowsAPage } from '../paging.js';
import { placeOfMember, readAdjustments } from './memberReads.js';
import { adjustReasons, MemberPage, SearchPage, versionOf } from './memberViews.js';

const path = '/console/members';
const mostLots = 200;
const uuid = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const searchForm = z.object({ partner: z.string().min(1).max(63), member: externalId });
const searchFilters = z.object({ partner: z.string().max(63).optional(), none: z.literal('1').optional() });
const memberFilters = z.object({ on: day.optional(), before: z.uuid('is no place in the list').optional() });
const points = z
  .string()
  .regex(/^[1-9]\d{0,12}$/, 'must be a whole number above zero')
  .transform(Number);
const shared = { version: z.string().min(1).max(100), points, ...evidence(adjustReasons), reference: referenceText };
const adjustForm = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('credit'), expiresOn: day, ...shared }),
  z.object({ kind: z.literal('reverse'), creditId: z.uuid('is none of the list'), ...shared }),
]);

@ApiExcludeController()
@Controller('console/members')
@UseGuards(ConsoleGuard)
export class ConsoleMembersController {
  constructor(
    private readonly desk: Desk,
    private readonly points: Points,
    private readonly adjustments: Adjustments,
    private readonly acts: Acts,
  ) {}

  @Get()
  async start(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { partner, none } = filtersOf(searchFilters, request.query);
    const partners = await this.desk.reads.for(operator, (reads) => this.desk.partners(reads));
    const forms = this.desk.formsOf(request);
    this.desk.show(
      request,
      response,
      { view: 'members', title: 'Members', path },
      <SearchPage partners={partners} chosen={partner} notFound={none !== undefined} forms={forms} />,
    );
  }

  /** It changes nothing but the log; a form, so that a name that may be a phone stands in no address. */
  @Post('search')
  async search(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const { partner: slug, member } = formOf(searchForm, body);
    const partner = await this.desk.partnerFor(operator, request, slug);
    const byName = await this.points.findMember(partner.id, member);
    const memberId = byName ?? (uuid.test(member) ? member.toLowerCase() : null);
    const outcome = memberId === null ? 'not found' : 'found';
    const act = {
      action: 'member.search',
      outcome,
      subjectKind: 'member',
      subject: memberId ?? '',
      partnerId: partner.id,
    };
    await this.acts.write(request, act);
    const where = memberId === null ? addressOf(path, { partner: slug, none: '1' }) : `${path}/${memberId}`;
    response.redirect(303, where);
  }

  @Get(':id')
  async one(@Me() operator: Operator, @Param('id') text: string, @Req() request: Request, @Res() response: Response) {
    const id = idOf(text);
    const { on, before } = filtersOf(memberFilters, request.query);
    const place = await this.#place(operator, id, request);
    const { partnerId } = place;
    const look = { action: 'member.look', outcome: 'shown', subjectKind: 'member', subject: id, partnerId };
    await this.acts.write(request, look);
    const now = Date.now();
    const [member, lots, found, balanceOn, waiting] = await Promise.all([
      this.points.readMember(partnerId, id, place.soonDays ?? defaultSoonDays, now),
      this.points.lots(partnerId, id, null, mostLots + 1),
      this.points.entries(partnerId, id, before ?? null, rowsAPage + 1),
      on === undefined ? null : this.points.balanceOn(partnerId, id, on),
      this.desk.reads.for(operator, (reads) => readAdjustments(reads, partnerId, id, now)),
    ]);
    if (member === null) throw new ConsoleStop('not_found');
    const entries = found.slice(0, rowsAPage);
    const last = entries.at(-1);
    this.desk.show(
      request,
      response,
      { view: 'member', title: 'Member', path },
      <MemberPage
        member={member}
        place={place}
        lots={lots.slice(0, mostLots)}
        hasMoreLots={lots.length > mostLots}
        entries={{
          rows: entries,
          newer: before === undefined ? null : `${path}/${id}`,
          older:
            found.length > rowsAPage && last !== undefined ? addressOf(`${path}/${id}`, { before: last.id }) : null,
        }}
        on={on}
        balanceOn={balanceOn}
        waiting={waiting}
        mayAct={hasRole(operator, 'operator')}
        forms={this.desk.formsOf(request)}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }

  @Post(':id/adjust')
  @NeedsRole('operator')
  @NeedsFreshLogin()
  async adjust(
    @Me() operator: Operator,
    @Param('id') text: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const id = idOf(text);
    const here = `${path}/${id}`;
    const { version, reason, comment, reference, ...adjustment } = formOf(adjustForm, body);
    const given = { reason, comment, reference };
    const place = await this.#place(operator, id, request);
    const { partnerId } = place;
    const act = { action: 'points.adjust', subjectKind: 'member', subject: id, partnerId };
    const begun = await this.acts.begin(request, { ...act, detail: { ...adjustment, ...given, shown: version } });
    const member = await this.points.readMember(partnerId, id, place.soonDays ?? defaultSoonDays, Date.now());
    if (member === null || versionOf(member) !== version) {
      return begun.refuse('stale', new ConsoleStop('stale_page', 'His points are others by now.', here));
    }
    const wish = { partnerId, memberId: id, approvalId: uuidv7(), reference, reason: said(given) };
    const asked = { ...wish, actor: actorOf(operator), at: Date.now() };
    return endAsAsked(begun, await this.adjustments.request(asked, adjustment), here, response);
  }

  async #place(operator: Operator, id: string, request: Request) {
    const place = await this.desk.reads.for(operator, (reads) => placeOfMember(reads, id));
    return place ?? this.desk.notSeen(request, 'member', id);
  }
}
