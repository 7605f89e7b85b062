/** The switch that lets no new payment begin, of one partner or, by whoever sees all of them, of all. */
import { Body, Controller, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { Pauses } from '../../../ledger/pauses.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me, NeedsRole } from '../consoleGuard.js';
import { ConsoleStop } from '../consoleStop.js';
import { Desk } from '../desk.js';
import { evidence, formOf, said, type GivenEvidence } from '../forms.js';
import { actorOf, type Operator } from '../operator.js';
import { addressOf } from '../paging.js';
import { pauseReasons, resumeReasons, versionOf } from './pauseForms.js';

const path = '/console/fund';
const of = { partner: z.string().max(63), version: z.string().min(1).max(40) };
const pauseForm = z.object({ ...of, ...evidence(pauseReasons) });
const resumeForm = z.object({ ...of, ...evidence(resumeReasons) });

@ApiExcludeController()
@Controller('console/fund')
@UseGuards(ConsoleGuard)
@NeedsRole('operator')
export class ConsolePausesController {
  constructor(
    private readonly desk: Desk,
    private readonly pauses: Pauses,
    private readonly acts: Acts,
  ) {}

  @Post('pause')
  pause(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    return this.#turn(operator, 'pause', formOf(pauseForm, body), request, response);
  }

  @Post('resume')
  resume(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    return this.#turn(operator, 'resume', formOf(resumeForm, body), request, response);
  }

  async #turn(
    operator: Operator,
    what: 'pause' | 'resume',
    { partner: slug, version, ...given }: GivenEvidence & { partner: string; version: string },
    request: Request,
    response: Response,
  ): Promise<void> {
    const partnerId = slug === '' ? null : (await this.desk.partnerFor(operator, request, slug)).id;
    const here = slug === '' ? path : addressOf(path, { partner: slug });
    const act = { action: `payments.${what}`, subjectKind: 'partner', subject: slug === '' ? 'all' : slug, partnerId };
    if (partnerId === null && operator.partners !== '*') {
      await this.acts.write(request, { ...act, outcome: 'refused' });
      throw new ConsoleStop('other_partner');
    }
    const begun = await this.acts.begin(request, { ...act, detail: { ...given, shown: version } });
    const open = (await this.pauses.open(partnerId)).find(({ ofAll }) => ofAll === (partnerId === null));
    const isStale = versionOf(open) !== version || (open === undefined) !== (what === 'pause');
    const outcome = isStale ? 'stale' : await this.#set(what, partnerId, given, operator);
    switch (outcome) {
      case 'paused':
      case 'resumed':
        await begun.done();
        response.redirect(303, addressOf(path, { partner: slug, done: outcome }));
        return;
      case 'already_paused':
      case 'not_paused':
      case 'not_found':
      case 'stale':
        return begun.refuse(outcome, new ConsoleStop('stale_page', 'Somebody has turned the switch meanwhile.', here));
    }
  }

  async #set(what: 'pause' | 'resume', partnerId: string | null, given: GivenEvidence, operator: Operator) {
    const actor = actorOf(operator);
    const answer =
      what === 'pause'
        ? await this.pauses.pause(partnerId, said(given), actor, Date.now())
        : await this.pauses.resume(partnerId, actor, Date.now());
    return answer.outcome;
  }
}
