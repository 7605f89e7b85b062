/** `/console/audit`: the log of what operators did, looked at and were refused; whether its chain is whole; an export. */
import { Controller, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { OperatorActs } from '../../../ledger/operatorActs.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { sendCsv } from '../csv.js';
import { Desk } from '../desk.js';
import { filtersOf } from '../forms.js';
import type { Operator } from '../operator.js';
import { numberPlace, pageOf, sortField } from '../paging.js';
import { readAct, readActions, readActs, readActsAfter, readHeads, type ActFilter, type ActRow } from './auditReads.js';
import { ActPage, AuditPage, VerifiedPage, type ChosenActs } from './auditViews.js';

const path = '/console/audit';
const rowsAtOnce = 1_000;
const filters = z.object({
  partner: z.string().max(63).optional(),
  operator: z.string().max(200).optional(),
  action: z.string().max(61).optional(),
  subject: z.string().max(200).optional(),
  sort: sortField,
  ...numberPlace,
});

@ApiExcludeController()
@Controller('console/audit')
@UseGuards(ConsoleGuard)
export class ConsoleAuditController {
  constructor(
    private readonly desk: Desk,
    private readonly log: OperatorActs,
    private readonly acts: Acts,
  ) {}

  @Get()
  async list(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { before, after, sort, ...given } = filtersOf(filters, request.query);
    const place = { before, after, sort };
    const chosen = chosenOf(given);
    const { partners, actions, found } = await this.desk.reads.for(operator, async (reads) => {
      const partner = await this.desk.partnerOf(request, reads);
      return {
        partners: await this.desk.partners(reads),
        actions: await readActions(reads),
        found: await readActs(reads, filterOf(chosen, partner?.id), place),
      };
    });
    this.desk.show(
      request,
      response,
      { view: 'audit', title: 'Audit', path },
      <AuditPage
        page={pageOf(found, place, ({ n }) => n, path, chosen)}
        partners={partners}
        actions={actions}
        chosen={chosen}
        sort={sort}
        forms={this.desk.formsOf(request)}
        timeZone={this.desk.options.timeZone}
      />,
    );
  }

  @Get('export.csv')
  async export(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const chosen = chosenOf(filtersOf(filters, request.query));
    const partner = await this.desk.reads.for(operator, (reads) => this.desk.partnerOf(request, reads));
    const act = { action: 'export.audit', outcome: 'done', subject: path, partnerId: partner?.id ?? null };
    await this.acts.write(request, { ...act, detail: chosen });
    const columns = ['line', 'time', 'operator', 'roles', 'partner', 'action', 'subject kind', 'subject', 'outcome',
      'detail', 'request', 'hash of the line before', 'hash']; // prettier-ignore
    await sendCsv(response, 'audit', columns, this.#pages(operator, filterOf(chosen, partner?.id)));
  }

  @Get(':n')
  async one(@Me() operator: Operator, @Param('n') n: string, @Req() request: Request, @Res() response: Response) {
    if (!/^[1-9]\d{0,14}$/.test(n)) throw new ConsoleStop('not_found');
    const act = await this.desk.reads.for(operator, (reads) => readAct(reads, Number(n)));
    if (act === null) throw new ConsoleStop('not_found');
    this.desk.show(
      request,
      response,
      { view: 'act', title: `Line ${act.n} of the audit log`, path },
      <ActPage act={act} timeZone={this.desk.options.timeZone} />,
    );
  }

  /** It changes nothing; a form, because it reads every line. */
  @Post('verify')
  async verify(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { through, broken } = await this.log.check();
    const outcome = broken === null ? 'whole' : 'broken';
    await this.acts.write(request, { action: 'audit.verify', outcome, subject: path, detail: { through, broken } });
    const heads = await this.desk.reads.for(operator, readHeads);
    this.desk.show(
      request,
      response,
      { view: 'verified', title: 'The audit log, verified', path },
      <VerifiedPage through={through} broken={broken} heads={heads} timeZone={this.desk.options.timeZone} />,
    );
  }

  async *#pages(operator: Operator, filter: ActFilter) {
    for (let after = 0; ;) {
      const from = after;
      const page = await this.desk.reads.for(operator, (reads) => readActsAfter(reads, filter, from, rowsAtOnce));
      yield page.map(cellsOf);
      const last = page.at(-1);
      if (last === undefined || page.length < rowsAtOnce) return;
      after = last.n;
    }
  }
}

const chosenOf = ({ partner, operator, action, subject }: z.infer<typeof filters>): ChosenActs => ({
  partner,
  operator,
  action,
  subject,
});

const filterOf = ({ operator, action, subject }: ChosenActs, partnerId: string | undefined): ActFilter => ({
  operator,
  action,
  subject,
  partnerId,
});

const cellsOf = (act: ActRow): (string | number | null)[] => [
  act.n,
  act.at.toISOString(),
  act.operator,
  act.roles.join(' '),
  act.partnerName,
  act.action,
  act.subjectKind,
  act.subject,
  act.outcome,
  JSON.stringify(act.detail),
  act.requestId,
  act.previousHash,
  act.hash,
];
