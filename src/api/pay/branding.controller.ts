/** What makes the buyer's page the programme's own: its colour and its logo. */
import { Controller, Get, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AddressRateGuard } from '../addressRate.js';
import { Visits } from './visits.js';

@Controller('pay/:slug')
@UseGuards(AddressRateGuard)
export class BrandingController {
  constructor(private readonly visits: Visits) {}

  /** The programme's one colour; a stylesheet of its own, because the page allows no inline style. */
  @Get('theme.css')
  async theme(@Param('slug') slug: string, @Req() request: Request, @Res() response: Response) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    response
      .type('css')
      .set('Cache-Control', 'max-age=300')
      .send(`:root{--accent:${visit.programme.loyalty.branding.colour}}`);
  }

  @Get('logo.png')
  async logo(@Param('slug') slug: string, @Req() request: Request, @Res() response: Response) {
    const visit = await this.visits.begin(slug, request, response);
    if (visit === null) return;
    const { logoPng } = visit.programme.loyalty.branding;
    if (logoPng === null) response.status(404).end();
    else response.type('png').set('Cache-Control', 'max-age=300').send(Buffer.from(logoPng, 'base64'));
  }
}
