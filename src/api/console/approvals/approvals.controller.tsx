/** `/console/approvals`: what waits for a second person, what it rests on, and his decision. */
import { Body, Controller, Get, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { approvalActions } from '../../../domain/approval.js';
import { Approvals, type DecideOutcome } from '../../../ledger/approvals.js';
import { ReturnStarts } from '../../payments/returnStarts.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me, NeedsFreshLogin, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { evidence, filtersOf, formOf, idOf, said, versionField, type GivenEvidence } from '../forms.js';
import { actorOf, hasRole, type Operator } from '../operator.js';
import { addressOf, pageOf, sortField, uuidPlace } from '../paging.js';
import { approvalFilters, readApproval, readApprovals, type ApprovalRow } from './approvalReads.js';
import { refusalWords } from './approvalWords.js';
import { ApprovalPage, ApprovalsPage, approveReasons, rejectReasons, withdrawReasons } from './approvalViews.js';

const path = '/console/approvals';
const filters = z.object({
  partner: z.string().max(63).optional(),
  state: z.enum([...approvalFilters, 'all'], 'is no state of an approval').default('waiting'),
  action: z.enum(approvalActions, 'is nothing that is approved').optional(),
  sort: sortField,
  ...uuidPlace,
});
const decisionOf = (reasons: readonly (readonly [string, string])[]) =>
  z.object({ version: versionField, ...evidence(reasons) });
const approveForm = decisionOf(approveReasons);
const rejectForm = decisionOf(rejectReasons);
const withdrawForm = decisionOf(withdrawReasons);

type Decision = 'approve' | 'reject' | 'withdraw';
const doneWord = { approve: 'approved', reject: 'rejected', withdraw: 'withdrawn' } as const satisfies Record<
  Decision,
  string
>;

@ApiExcludeController()
@Controller('console/approvals')
@UseGuards(ConsoleGuard)
export class ConsoleApprovalsController {
  constructor(
    private readonly desk: Desk,
    private readonly approvals: Approvals,
    private readonly returnStarts: ReturnStarts,
    private readonly acts: Acts,
  ) {}

  @Get()
  async list(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const { before, after, sort, partner: slug, state, action } = filtersOf(filters, request.query);
    const place = { before, after, sort };
    const now = Date.now();
    const { partners, found } = await this.desk.reads.for(operator, async (reads) => {
      const partner = await this.desk.partnerOf(request, reads);
      const wanted = { state: state === 'all' ? null : state, action: action ?? null, partnerId: partner?.id ?? null };
      return {
        partners: await this.desk.partners(reads),
        found: await readApprovals(reads, wanted, place, now),
      };
    });
    const chosen = { partner: slug, state, action };
    const page = pageOf(found, place, ({ id }) => id, path, chosen);
    this.desk.show(
      request,
      response,
      { view: 'approvals', title: 'Approvals', path, live: place.before === undefined && place.after === undefined },
      <ApprovalsPage
        page={page}
        partners={partners}
        chosen={chosen}
        sort={sort}
        timeZone={this.desk.options.timeZone}
        now={now}
      />,
    );
  }

  @Get(':id')
  async one(@Me() operator: Operator, @Param('id') id: string, @Req() request: Request, @Res() response: Response) {
    const now = Date.now();
    const approval = await this.#read(operator, request, idOf(id), now);
    this.desk.show(
      request,
      response,
      { view: 'approval', title: 'Approval', path },
      <ApprovalPage
        approval={approval}
        forms={this.desk.formsOf(request)}
        mayDecide={hasRole(operator, 'approver') && !isHis(approval, operator)}
        mayWithdraw={hasRole(operator, 'operator') && isHis(approval, operator)}
        timeZone={this.desk.options.timeZone}
        now={now}
      />,
    );
  }

  @Post(':id/approve')
  @NeedsRole('approver')
  @NeedsFreshLogin()
  approve(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    return this.#decide(operator, idOf(id), 'approve', formOf(approveForm, body), request, response);
  }

  @Post(':id/reject')
  @NeedsRole('approver')
  reject(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    return this.#decide(operator, idOf(id), 'reject', formOf(rejectForm, body), request, response);
  }

  /** Whoever asked takes his wish back. */
  @Post(':id/withdraw')
  @NeedsRole('operator')
  withdraw(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    return this.#decide(operator, idOf(id), 'withdraw', formOf(withdrawForm, body), request, response);
  }

  async #decide(
    operator: Operator,
    id: string,
    decision: Decision,
    given: GivenEvidence & { version: number },
    request: Request,
    response: Response,
  ): Promise<void> {
    const here = `${path}/${id}`;
    const now = Date.now();
    const approval = await this.#read(operator, request, id, now);
    const { partnerId } = approval;
    const act = { action: `approval.${decision}`, subject: id, subjectKind: 'approval', partnerId };
    if (decision === 'withdraw' && !isHis(approval, operator)) {
      await this.acts.write(request, { ...act, outcome: 'refused: not his' });
      throw new ConsoleStop('invalid', 'Somebody else has asked for this.', here);
    }
    const { action, subject, body, requestedBy, reason } = approval;
    const shown = { action, subject, body, requestedBy, reason };
    const begun = await this.acts.begin(request, { ...act, detail: { ...given, shown } });
    const decided = await this.approvals.decide({
      partnerId,
      approvalId: id,
      version: given.version,
      decision: decision === 'approve' ? 'approve' : 'reject',
      actor: actorOf(operator),
      reason: said(given),
      at: now,
    });
    const why = whyNot(decided, decision);
    if (why !== null) return begun.refuse(why.outcome, new ConsoleStop(why.stop, why.words, here));
    await begun.done();
    // A return is granted by now, and booked by its saga; the rest is done.
    if (decision === 'approve' && action === 'payment.return')
      this.returnStarts.start({ partnerId, returnId: subject });
    response.redirect(303, addressOf(here, { done: doneWord[decision] }));
  }

  async #read(operator: Operator, request: Request, id: string, now: number): Promise<ApprovalRow> {
    const found = await this.desk.reads.for(operator, (reads) => readApproval(reads, id, now));
    return found ?? this.desk.notSeen(request, 'approval', id);
  }
}

const isHis = ({ requestedBy }: ApprovalRow, { id }: Operator): boolean =>
  requestedBy.kind === 'operator' && requestedBy.id === id;

/** Why nothing was decided, or null. */
function whyNot(
  decided: DecideOutcome,
  decision: Decision,
): { outcome: string; stop: 'stale_page' | 'invalid' | 'not_found'; words: string } | null {
  switch (decided.outcome) {
    case 'decided':
      return null;
    case 'not_found':
      return { outcome: 'not_found', stop: 'not_found', words: 'There is no such approval.' };
    case 'already_decided': {
      const { state } = decided.approval;
      return {
        outcome: 'already_decided',
        stop: 'stale_page',
        words: `It is ${state} by now: one wish is decided once.`,
      };
    }
    case 'expired':
      return {
        outcome: 'expired',
        stop: 'stale_page',
        words: 'Nobody decided within a day; it has to be asked for again.',
      };
    case 'stale':
      return { outcome: 'stale', stop: 'stale_page', words: 'Something else is asked for now than the page showed.' };
    case 'own_request':
      return { outcome: 'own_request', stop: 'invalid', words: 'You have asked for it: somebody else must approve.' };
    case 'refused': {
      const outcome = `${decision} ${decided.why}`;
      return {
        outcome,
        stop: 'invalid',
        words: `As things stand it cannot be done: ${refusalWords(decided.why)}. It stays open.`,
      };
    }
  }
}
