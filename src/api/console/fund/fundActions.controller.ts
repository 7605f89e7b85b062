/** What an operator does about a fund: asks for deposits, repayments and corrections, clears a doubt, sets the mark. */
import { Body, Controller, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { v7 as uuidv7 } from 'uuid';
import { z } from 'zod';
import type { FundChange } from '../../../domain/approval.js';
import { Fund, type FundMirror } from '../../../ledger/fund.js';
import { currency, reference as referenceText } from '../../validate.js';
import { Acts } from '../acts.js';
import { amountOf } from '../amounts.js';
import { endAsAsked } from '../askedChange.js';
import { ConsoleGuard, Me, NeedsFreshLogin, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk, type ConsolePartner } from '../desk.js';
import { evidence, formOf, said, versionField } from '../forms.js';
import { actorOf, type Operator } from '../operator.js';
import { addressOf } from '../paging.js';
import { changeReasons, clearReasons, markReasons } from './fundForms.js';

const path = '/console/fund';
const amountField = z.string().max(30);
const of = { partner: z.string().min(1).max(63), currency };
const changeFormOf = (kind: FundChange) =>
  z.object({
    ...of,
    kind: z.literal(kind),
    version: z
      .string()
      .regex(/^-?\d{1,15}$/, 'is missing')
      .transform(Number),
    amount: amountField,
    ...evidence(changeReasons[kind]),
    // It names the entry in the books, once.
    reference: referenceText,
  });
const changeForm = z.discriminatedUnion('kind', [
  changeFormOf('deposit'),
  changeFormOf('repayment'),
  changeFormOf('correction'),
]);
const clearForm = z.object({ partner: of.partner, version: versionField, ...evidence(clearReasons) });
const markForm = z.object({
  ...of,
  version: z.string().regex(/^(none|-?\d{1,15})$/, 'is missing'),
  amount: amountField,
  ...evidence(markReasons),
});

@ApiExcludeController()
@Controller('console/fund')
@UseGuards(ConsoleGuard)
@NeedsRole('operator')
export class ConsoleFundActionsController {
  constructor(
    private readonly desk: Desk,
    private readonly fund: Fund,
    private readonly acts: Acts,
  ) {}

  @Post('changes')
  @NeedsFreshLogin()
  async change(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const { partner: slug, kind, currency: of, version, amount, ...given } = formOf(changeForm, body);
    const amountMinor = amountOf(amount, of, kind === 'correction' ? 'be_signed' : 'be_positive');
    const partner = await this.desk.partnerFor(operator, request, slug);
    const here = addressOf(path, { partner: slug, currency: of });
    const fund = await this.#fund(partner, of);
    const begun = await this.acts.begin(request, {
      ...actOn(`fund.${kind}`, partner, of),
      detail: { amountMinor, ...given, shown: { sizeMinor: version } },
    });
    if (fund.sizeMinor !== version) {
      const words = 'The fund’s size is another by now: somebody has booked something.';
      return begun.refuse('stale', new ConsoleStop('stale_page', words, here));
    }
    const outcome = await this.fund.requestChange({
      partnerId: partner.id,
      approvalId: uuidv7(),
      kind,
      currency: of,
      amountMinor,
      reference: given.reference,
      reason: said(given),
      actor: actorOf(operator),
      at: Date.now(),
    });
    return endAsAsked(begun, outcome, here, response);
  }

  @Post('doubt/clear')
  @NeedsFreshLogin()
  async clear(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const { partner: slug, version, ...given } = formOf(clearForm, body);
    const partner = await this.desk.partnerFor(operator, request, slug);
    const [fund] = await this.fund.read(partner.id, Date.now());
    const begun = await this.acts.begin(request, {
      ...actOn('fund.doubt_clear', partner),
      detail: { ...given, shown: { doubtedAtMs: version } },
    });
    const doubtedAt = fund?.doubtedAt ?? null;
    const wish = { partnerId: partner.id, actor: actorOf(operator), reason: said(given), at: Date.now() };
    const isStale = doubtedAt === null || Date.parse(doubtedAt) !== version;
    const outcome = isStale ? 'not_doubted' : (await this.fund.clearDoubt(wish)).outcome;
    switch (outcome) {
      case 'cleared':
        await begun.done();
        response.redirect(303, addressOf(path, { partner: slug, done: 'doubt_cleared' }));
        return;
      case 'not_doubted': {
        const words = 'It is not doubted any more, or doubted anew.';
        return begun.refuse('stale', new ConsoleStop('stale_page', words, addressOf(path, { partner: slug })));
      }
    }
  }

  @Post('low-water')
  async setMark(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const { partner: slug, currency: of, version, amount, ...given } = formOf(markForm, body);
    const lowWaterMinor = amount.trim() === '' ? null : amountOf(amount, of, 'be_anything');
    const partner = await this.desk.partnerFor(operator, request, slug);
    const here = addressOf(path, { partner: slug, currency: of });
    const fund = await this.#fund(partner, of);
    const begun = await this.acts.begin(request, {
      ...actOn('fund.low_water', partner, of),
      detail: { lowWaterMinor, ...given, shown: version },
    });
    if (String(fund.lowWaterMinor ?? 'none') !== version) {
      return begun.refuse('stale', new ConsoleStop('stale_page', 'Somebody has set another mark meanwhile.', here));
    }
    const wish = { partnerId: partner.id, currency: of, lowWaterMinor, actor: actorOf(operator), at: Date.now() };
    const { outcome } = await this.fund.setLowWater(wish);
    switch (outcome) {
      case 'set':
        await begun.done();
        response.redirect(303, addressOf(path, { partner: slug, currency: of, done: 'mark_set' }));
        return;
      case 'not_found':
        return begun.refuse('not_found', new ConsoleStop('not_found', 'There is no fund of this currency.', path));
    }
  }

  async #fund({ id }: ConsolePartner, currency: string): Promise<FundMirror> {
    const fund = (await this.fund.read(id, Date.now())).find((one) => one.currency === currency);
    if (fund === undefined) throw new ConsoleStop('not_found', 'There is no fund of this currency.', path);
    return fund;
  }
}

const actOn = (action: string, { id, slug }: ConsolePartner, currency?: string) => ({
  action,
  subjectKind: 'fund',
  subject: currency === undefined ? slug : `${slug} ${currency}`,
  partnerId: id,
});
