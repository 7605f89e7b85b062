/** `/console/fund`: the guarantee funds, how they went and how long they last, their entries and a month's statement. */
import { Controller, Get, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { fractionDigits } from '../../../domain/money.js';
import { Fund } from '../../../ledger/fund.js';
import { Pauses } from '../../../ledger/pauses.js';
import { Statement } from '../../../ledger/statement.js';
import { beginStatement, csvOf, sendStatement, statementMonth } from '../../fund/statementStream.js';
import { currency as currencyText } from '../../validate.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk, type ConsolePartner } from '../desk.js';
import { filtersOf } from '../forms.js';
import { hasRole, type Operator } from '../operator.js';
import { pageOf, uuidPlace, type Page, type Place } from '../paging.js';
import { fundChartData, spans } from './fundChart.js';
import { readAsked, readEntries, readFlow, readFunds, readHeld, type EntryRow, type FundRow } from './fundReads.js';
import { FundPage, FundsPage } from './fundViews.js';

const path = '/console/fund';
const listFilters = z.object({ only: z.literal('low', 'is low or nothing').optional(), ...uuidPlace });
const entryPlace = z
  .string()
  .regex(
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z_[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/,
    'is no place in the list',
  )
  .transform((text) => {
    const [at = '', id = ''] = text.split('_');
    return { at, id };
  });
const fundFilters = z.object({
  partner: z.string().max(63),
  currency: currencyText.optional(),
  days: z.enum(['7', '30', '90'], 'is 7, 30 or 90').default('30'),
  before: entryPlace.optional(),
  after: entryPlace.optional(),
});
const statementFilters = z.object({ partner: z.string().max(63), currency: currencyText, month: statementMonth });

@ApiExcludeController()
@Controller('console/fund')
@UseGuards(ConsoleGuard)
export class ConsoleFundController {
  constructor(
    private readonly desk: Desk,
    private readonly fund: Fund,
    private readonly statement: Statement,
    private readonly pauses: Pauses,
    private readonly acts: Acts,
  ) {}

  @Get()
  async view(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const partner = await this.desk.reads.for(operator, (reads) => this.desk.partnerOf(request, reads));
    return partner === null ? this.#list(operator, request, response) : this.#one(operator, partner, request, response);
  }

  @Get('statement.csv')
  async statementOf(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { currency, month } = filtersOf(statementFilters, request.query);
    const partner = await this.desk.reads.for(operator, (reads) => this.desk.partnerOf(request, reads));
    if (partner === null || fractionDigits(currency) === null) throw new ConsoleStop('not_found');
    const act = { action: 'export.fund_statement', outcome: 'done', subject: path, partnerId: partner.id };
    await this.acts.write(request, { ...act, detail: { currency, month } });
    const begun = await beginStatement(this.statement, partner.id, { currency, month, language: 'en' });
    if (begun === null) throw new ConsoleStop('not_found', 'There is no fund of this currency.', path);
    await sendStatement(response, csvOf(begun), 'text/csv', `fund-${partner.slug}-${currency}-${month}.csv`);
  }

  async #list(operator: Operator, request: Request, response: Response): Promise<void> {
    const { only, ...place } = filtersOf(listFilters, request.query);
    const { partners, found } = await this.desk.reads.for(operator, async (reads) => ({
      partners: await this.desk.partners(reads),
      found: await readFunds(reads, place, only !== undefined, Date.now()),
    }));
    this.desk.show(
      request,
      response,
      { view: 'funds', title: 'Fund', path, live: true },
      <FundsPage
        page={fundsPage(found, place, only)}
        partners={partners}
        needsSomebody={only !== undefined}
        pauses={await this.pauses.open(null)}
        mayPauseAll={hasRole(operator, 'operator') && operator.partners === '*'}
        forms={this.desk.formsOf(request)}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }

  async #one(operator: Operator, partner: ConsolePartner, request: Request, response: Response): Promise<void> {
    const { currency, days, before, after } = filtersOf(fundFilters, request.query);
    const now = Date.now();
    const funds = await this.fund.read(partner.id, now);
    const fund = funds.find((one) => currency === undefined || one.currency === currency);
    if (fund === undefined) throw new ConsoleStop('not_found', 'There is no such fund.', path);
    const of = { partnerId: partner.id, currency: fund.currency };
    const here = { partner: partner.slug, currency: fund.currency, days };
    const span = spans[days];
    const since = new Date(Math.floor((now - span.days * 86_400_000) / span.stepMs) * span.stepMs);
    const read = await this.desk.reads.for(operator, async (reads) => ({
      steps: await readFlow(reads, of, since, span.step),
      entries: await readEntries(reads, of, { before, after }),
      held: await readHeld(reads, partner.id),
      asked: await readAsked(reads, partner.id, now),
    }));
    const { timeZone } = this.desk.options;
    this.desk.show(
      request,
      response,
      { view: 'fund', title: 'Fund', path, live: before === undefined && after === undefined },
      <FundPage
        partner={partner}
        funds={funds}
        fund={fund}
        chart={fundChartData(fund, read.steps, span, now, timeZone)}
        span={days}
        held={read.held}
        entries={pageOf(read.entries, { before, after }, placeOf, path, here)}
        pauses={await this.pauses.open(partner.id)}
        asked={read.asked}
        mayAct={hasRole(operator, 'operator')}
        forms={this.desk.formsOf(request)}
        month={new Date(now).toISOString().slice(0, 7)}
        timeZone={timeZone}
        now={now}
      />,
    );
  }
}

/** A page of partners: each with all its funds, which are told one after the other. */
function fundsPage(found: readonly FundRow[], place: Place<string>, only: string | undefined): Page<FundRow> {
  const partnerIds = [...new Set(found.map(({ partnerId }) => partnerId))];
  const page = pageOf(partnerIds, place, (id) => id, path, { only });
  return { ...page, rows: page.rows.flatMap((id) => found.filter(({ partnerId }) => partnerId === id)) };
}

const placeOf = ({ at, id }: EntryRow): string => `${at.toISOString()}_${id}`;
