/** The page of one payment, and its passport. */
import { Controller, Get, Param, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Ledger } from '../../../ledger/ledger.js';
import { workflowIdOf } from '../../../workflows/messages.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me } from '../consoleGuard.js';
import type { ConsoleOptions } from '../consoleOptions.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { idOf } from '../forms.js';
import { hasRole, type Operator } from '../operator.js';
import { PaymentActions } from './paymentActionForms.js';
import { readParts, readPayment } from './paymentReads.js';
import { PaymentHistory, PaymentSummary } from './paymentView.js';

@ApiExcludeController()
@Controller('console/payments')
@UseGuards(ConsoleGuard)
export class PaymentViewController {
  constructor(
    private readonly desk: Desk,
    private readonly acts: Acts,
    private readonly ledger: Ledger,
  ) {}

  @Get(':id')
  async show(
    @Me() operator: Operator,
    @Param('id') givenId: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const id = idOf(givenId);
    const found = await this.desk.reads.for(operator, async (reads) => {
      const payment = await readPayment(reads, id);
      return payment === null ? null : { payment, parts: await readParts(reads, id) };
    });
    if (found === null) return this.desk.notSeen(request, 'payment', id);
    const { payment, parts } = found;
    const { timeZone } = this.desk.options;
    this.desk.show(
      request,
      response,
      { view: 'payment', title: `Payment ${id}`, path: '/console/payments', live: true },
      <>
        <PaymentSummary payment={payment} timeZone={timeZone} workflowUrl={workflowUrl(this.desk.options, id)} />
        {hasRole(operator, 'operator') && <PaymentActions payment={payment} forms={this.desk.formsOf(request)} />}
        <PaymentHistory parts={parts} timeZone={timeZone} />
      </>,
    );
  }

  /** As `GET /v1/payments/{id}/passport` tells it to the partner. */
  @Get(':id/passport.json')
  async passport(
    @Me() operator: Operator,
    @Param('id') givenId: string,
    @Req() request: Request,
    @Res() response: Response,
  ) {
    const id = idOf(givenId);
    const payment = await this.desk.reads.for(operator, (reads) => readPayment(reads, id));
    if (payment === null) return this.desk.notSeen(request, 'payment', id);
    const { partnerId } = payment;
    await this.acts.write(request, {
      action: 'export.passport',
      outcome: 'sent',
      subject: id,
      subjectKind: 'payment',
      partnerId,
    });
    const passport = await this.ledger.passport(partnerId, id);
    if (passport === null) throw new ConsoleStop('not_found');
    response.set({
      'Cache-Control': 'no-store',
      'Content-Disposition': `attachment; filename="passport-${id}.json"`,
    });
    response.type('json').send(`${JSON.stringify(passport, null, 2)}\n`);
  }
}

/** Without a run: the UI shows the last one. null where no UI is configured. */
function workflowUrl({ temporalUiUrl, temporalNamespace }: ConsoleOptions, id: string): string | null {
  if (temporalUiUrl === null) return null;
  const workflow = encodeURIComponent(workflowIdOf(id));
  return `${temporalUiUrl}/namespaces/${encodeURIComponent(temporalNamespace)}/workflows/${workflow}`;
}
