/** `/console/reconciliation`: where the books and Invoicebox disagree, both sides of it, and the runs that looked. */
import { randomUUID } from 'node:crypto';
import { Controller, Get, Param, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import {
  differenceKinds,
  differenceStates,
  Reconciliations,
  type Difference,
} from '../../../ledger/reconciliations.js';
import { Statements } from '../../../ledger/statements.js';
import { ConsoleGuard, Me } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { filtersOf, idOf } from '../forms.js';
import { hasRole, type Operator } from '../operator.js';
import { pageOf, sortField, uuidPlace } from '../paging.js';
import { DifferencePage } from './differencePage.js';
import { placeOfDifference, readDifferences, readOurPayment, readOurs, readRuns } from './differenceReads.js';
import { DifferencesPage, RunsPage } from './reconciliationViews.js';

const path = '/console/reconciliation';
const filters = z.object({
  partner: z.string().max(63).optional(),
  state: z.enum([...differenceStates, 'all'], 'is no state of a difference').default('open'),
  kind: z.enum(differenceKinds, 'is no kind of difference').optional(),
  sort: sortField,
  ...uuidPlace,
});
const runFilters = z.object({ partner: z.string().max(63).optional(), ...uuidPlace });

@ApiExcludeController()
@Controller('console/reconciliation')
@UseGuards(ConsoleGuard)
export class ConsoleReconciliationController {
  constructor(
    private readonly desk: Desk,
    private readonly reconciliations: Reconciliations,
    private readonly statements: Statements,
  ) {}

  @Get()
  async differences(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { before, after, sort, partner: slug, state, kind } = filtersOf(filters, request.query);
    const place = { before, after, sort };
    const { partners, found } = await this.desk.reads.for(operator, async (reads) => {
      const partner = await this.desk.partnerOf(request, reads);
      const only = { state: state === 'all' ? null : state, kind: kind ?? null, partnerId: partner?.id ?? null };
      return { partners: await this.desk.partners(reads), found: await readDifferences(reads, only, place) };
    });
    const chosen = { partner: slug, state, kind };
    this.desk.show(
      request,
      response,
      { view: 'differences', title: 'Reconciliation', path, live: before === undefined && after === undefined },
      <DifferencesPage
        page={pageOf(found, place, ({ id }) => id, path, chosen)}
        partners={partners}
        chosen={chosen}
        sort={sort}
        timeZone={this.desk.options.timeZone}
        now={Date.now()}
      />,
    );
  }

  @Get('runs')
  async runs(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { before, after, partner: slug } = filtersOf(runFilters, request.query);
    const place = { before, after };
    const { partner, partners, found } = await this.desk.reads.for(operator, async (reads) => {
      const chosen = await this.desk.partnerOf(request, reads);
      return {
        partner: chosen,
        partners: await this.desk.partners(reads),
        found: await readRuns(reads, chosen?.id ?? null, place),
      };
    });
    const mapping = partner === null ? null : await this.statements.mapping(partner.id);
    this.desk.show(
      request,
      response,
      { view: 'runs', title: 'Runs of reconciliation', path, live: before === undefined && after === undefined },
      <RunsPage
        page={pageOf(found, place, ({ id }) => id, `${path}/runs`, { partner: slug })}
        partners={partners}
        partner={partner}
        mayAct={hasRole(operator, 'operator')}
        hasMapping={mapping !== null}
        forms={this.desk.formsOf(request)}
        uploadKey={randomUUID()}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }

  @Get('differences/:id')
  async one(@Me() operator: Operator, @Param('id') text: string, @Req() request: Request, @Res() response: Response) {
    const id = idOf(text);
    const place = await this.desk.reads.for(operator, (reads) => placeOfDifference(reads, id));
    if (place === null) return this.desk.notSeen(request, 'fund_difference', id);
    const difference = await this.reconciliations.difference(place.partnerId, id);
    if (difference === null) throw new ConsoleStop('not_found');
    const { entries, payment } = await this.desk.reads.for(operator, async (reads) => ({
      entries: await readOurs(reads, entryIdsOf(difference)),
      payment: difference.paymentId === null ? null : await readOurPayment(reads, difference.paymentId),
    }));
    this.desk.show(
      request,
      response,
      { view: 'difference', title: 'Difference', path },
      <DifferencePage
        difference={difference}
        place={place}
        entries={entries}
        payment={payment}
        mayAct={hasRole(operator, 'operator')}
        forms={this.desk.formsOf(request)}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }
}

/** Of our books: the one that it is about, or those that it may be about. */
function entryIdsOf({ entryId, detail }: Difference): string[] {
  const candidates = z.array(z.uuid()).safeParse(detail['candidates']);
  return [...(entryId === null ? [] : [entryId]), ...(candidates.data ?? [])].slice(0, 50);
}
