/** What an operator does about reconciliation: runs it, uploads a statement, explains a difference, asks for a correction. */
import { Body, Controller, Param, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import { Reconciliations, type Difference } from '../../../ledger/reconciliations.js';
import { Statements } from '../../../ledger/statements.js';
import { ReconciliationStarts } from '../../fund/reconciliationStarts.js';
import { StatementUploads } from '../../fund/statementUploads.js';
import { wishHash } from '../../idempotency.js';
import { Problem } from '../../problem.js';
import { day, reference as referenceText } from '../../validate.js';
import { Acts } from '../acts.js';
import { amountOf } from '../amounts.js';
import { endAsAsked } from '../askedChange.js';
import { ConsoleGuard, Me, NeedsFreshLogin, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk, type ConsolePartner } from '../desk.js';
import { evidence, formOf, idOf, said } from '../forms.js';
import { actorOf, type Operator } from '../operator.js';
import { addressOf } from '../paging.js';
import { correctReasons, explainReasons, versionOf } from './differencePage.js';
import { placeOfDifference, type PlacedDifference } from './differenceReads.js';
import { statementFileOf } from './statementForm.js';

const path = '/console/reconciliation';
const slugField = z.string().min(1).max(63);
const version = z.string().min(1).max(100);
const runForm = z.object({ partner: slugField });
const explainForm = z.object({ version, ...evidence(explainReasons) });
const correctForm = z.object({
  version,
  kind: z.enum(['deposit', 'repayment', 'correction'], 'is one of the list'),
  amount: z.string().max(30),
  bookAs: referenceText,
  ...evidence(correctReasons),
});
const dayOrNone = z.preprocess((text) => (text === '' ? null : text), day.nullable().default(null));
const uploadForm = z.object({ partner: slugField, key: z.uuid(), from: dayOrNone, to: dayOrNone });

@ApiExcludeController()
@Controller('console/reconciliation')
@UseGuards(ConsoleGuard)
@NeedsRole('operator')
export class ConsoleReconciliationActionsController {
  constructor(
    private readonly desk: Desk,
    private readonly reconciliations: Reconciliations,
    private readonly statements: Statements,
    private readonly uploads: StatementUploads,
    private readonly starts: ReconciliationStarts,
    private readonly acts: Acts,
  ) {}

  @Post('run')
  async run(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const partner = await this.desk.partnerFor(operator, request, formOf(runForm, body).partner);
    const begun = await this.acts.begin(request, actFor(partner, 'run'));
    const wish = { id: uuidv7(), by: 'request', readSince: null, actor: actorOf(operator), at: Date.now() } as const;
    const { reconciliationId } = await this.reconciliations.want(partner.id, wish);
    await this.starts.wake(partner.id);
    await begun.done({ reconciliationId });
    response.redirect(303, addressOf(`${path}/runs`, { partner: partner.slug, done: 'run_wanted' }));
  }

  @Post('statements')
  async upload(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const { partner: named, key, from, to } = formOf(uploadForm, body);
    const partner = await this.desk.partnerFor(operator, request, named);
    const here = addressOf(`${path}/runs`, { partner: partner.slug });
    const file = statementFileOf(request);
    if (file === null) throw new ConsoleStop('invalid', 'No file was sent.', here);
    if (from !== null && to !== null && from > to)
      throw new ConsoleStop('invalid', 'It would end before it begins.', here);
    const mapping = await this.statements.mapping(partner.id);
    if (mapping === null) throw new ConsoleStop('invalid', 'How its statements are written is not known yet.', here);
    const begun = await this.acts.begin(request, { ...actFor(partner, 'upload'), detail: { from, to } });
    const actor = actorOf(operator);
    const keyHash = wishHash({ actorId: operator.id, route: `POST ${path}/statements`, key });
    try {
      const upload = { partnerId: partner.id, keyHash, mapping, period: { from, to }, actor };
      const { statementId } = await this.uploads.receiveBody(upload, file);
      const wish = { id: uuidv7(), by: 'statement', readSince: null, actor, at: Date.now() } as const;
      await this.reconciliations.want(partner.id, wish);
      await this.starts.wake(partner.id);
      await begun.done({ statementId });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      return begun.refuse(error.code, new ConsoleStop('invalid', `Nothing of it is kept. ${wordsOf(error)}`, here));
    }
    response.redirect(303, addressOf(`${path}/runs`, { partner: partner.slug, done: 'statement_uploaded' }));
  }

  @Post('differences/:id/explain')
  async explain(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const { version: seen, ...given } = formOf(explainForm, body);
    const { place, difference, here } = await this.#difference(operator, idOf(id), request);
    const act = actOn(place, difference, 'explain');
    const begun = await this.acts.begin(request, { ...act, detail: { ...given, shown: seen } });
    if (versionOf(difference) !== seen) return begun.refuse('stale', isOther(here));
    const explained = { reason: said(given), approvalId: null, actor: actorOf(operator), at: Date.now() };
    const { outcome } = await this.reconciliations.explain(place.partnerId, difference.id, explained);
    if (outcome !== 'explained') {
      const words = 'A later run found this difference no longer.';
      return begun.refuse(outcome, new ConsoleStop('stale_page', words, here));
    }
    await begun.done();
    response.redirect(303, addressOf(here, { done: 'explained' }));
  }

  @Post('differences/:id/correct')
  @NeedsFreshLogin()
  async correct(
    @Me() operator: Operator,
    @Param('id') id: string,
    @Body() body: unknown,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const { version: seen, kind, amount, bookAs, ...given } = formOf(correctForm, body);
    const { place, difference, here } = await this.#difference(operator, idOf(id), request);
    const { currency } = difference;
    const amountMinor = amountOf(amount, currency, kind === 'correction' ? 'be_signed' : 'be_positive');
    const act = actOn(place, difference, 'correct');
    const begun = await this.acts.begin(request, {
      ...act,
      detail: { kind, amountMinor, bookAs, ...given, shown: seen },
    });
    if (versionOf(difference) !== seen) return begun.refuse('stale', isOther(here));
    const outcome = await this.reconciliations.correct(place.partnerId, difference.id, {
      approvalId: uuidv7(),
      kind,
      currency,
      amountMinor,
      reference: bookAs,
      reason: said(given),
      actor: actorOf(operator),
      at: Date.now(),
    });
    return endAsAsked(begun, outcome, here, response);
  }

  async #difference(operator: Operator, id: string, request: Request) {
    const place = await this.desk.reads.for(operator, (reads) => placeOfDifference(reads, id));
    if (place === null) return this.desk.notSeen(request, 'fund_difference', id);
    const difference = await this.reconciliations.difference(place.partnerId, id);
    if (difference === null) throw new ConsoleStop('not_found');
    return { place, difference, here: `${path}/differences/${id}` };
  }
}

const isOther = (here: string): ConsoleStop =>
  new ConsoleStop('stale_page', 'A run has found it with another sum, or somebody was faster.', here);

const actFor = ({ id, slug }: ConsolePartner, what: 'run' | 'upload') => ({
  action: `reconciliation.${what}`,
  subjectKind: 'partner',
  subject: slug,
  partnerId: id,
});

const actOn = ({ partnerId }: PlacedDifference, { id }: Difference, what: 'explain' | 'correct') => ({
  action: `difference.${what}`,
  subjectKind: 'difference',
  subject: id,
  partnerId,
});

/** What of a file cannot be read, by its lines. */
function wordsOf({ detail, extensions }: Problem): string {
  const lines = z
    .array(z.object({ line: z.int(), problem: z.string(), field: z.string().nullable() }))
    .safeParse(extensions['lines']);
  if (!lines.success) return detail ?? 'It cannot be read.';
  const told = lines.data.slice(0, 10).map(({ line, problem, field }) => {
    const where = field === null ? '' : ` (${field})`;
    return `line ${line}: ${problem.replaceAll('_', ' ')}${where}`;
  });
  return `${told.join('; ')}${lines.data.length > told.length ? '; and more' : ''}.`;
}
