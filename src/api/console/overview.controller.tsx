/** The first page: what needs somebody, and how much is there. */
import { Controller, Get, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { Fund } from '../../ledger/fund.js';
import { ConsoleGuard, Me } from './consoleGuard.js';
import type { PageReads } from './consoleReads.js';
import { Desk, type ConsolePartner } from './desk.js';
import type { Operator } from './operator.js';
import { OutcomesChart, readOutcomes } from './outcomesChart.js';
import { ageOf, count, money, Said } from './values.js';

/** More than this is told as that many and more. */
const mostCounted = 1_000;
const dayMs = 86_400_000;
const needs = z.object({
  inReview: z.coerce.number(),
  unknown: z.coerce.number(),
  oldestUnknown: z.date().nullable(),
  openDifferences: z.coerce.number(),
  pendingApprovals: z.coerce.number(),
  pointsHeld: z.coerce.number(),
  failedWebhooks: z.coerce.number(),
});

@ApiExcludeController()
@Controller('console')
@UseGuards(ConsoleGuard)
export class OverviewController {
  constructor(
    private readonly desk: Desk,
    private readonly fund: Fund,
  ) {}

  @Get()
  async overview(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const now = Date.now();
    const { timeZone } = this.desk.options;
    const { partners, found, outcomes } = await this.desk.reads.for(operator, async (reads) => ({
      partners: await this.desk.partners(reads),
      found: await readNeeds(reads, now),
      outcomes: await readOutcomes(reads, dayIn(now, timeZone)),
    }));
    this.desk.show(
      request,
      response,
      { view: 'overview', title: 'Overview', path: '/console', live: true },
      <div data-region="overview">
        {found !== null && <Needs found={found} now={now} />}
        <h2>How payments ended, by day</h2>
        <OutcomesChart outcomes={outcomes} />
        <h2>Guarantee funds</h2>
        <Funds funds={await this.#fundsOf(partners.slice(0, 50), now)} />
      </div>,
    );
  }

  async #fundsOf(partners: readonly ConsolePartner[], now: number) {
    const all = partners.map(async (partner) => {
      const funds = await this.fund.read(partner.id, now);
      return funds.map((fund) => ({ partner, fund }));
    });
    return (await Promise.all(all)).flat();
  }
}

/** The day that it is there, YYYY-MM-DD. */
const dayIn = (now: number, timeZone: string): string =>
  new Intl.DateTimeFormat('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(now);

/** From the partial indexes of what is open, held, failed and pending: however many payments there are. */
function readNeeds(reads: PageReads, now: number): Promise<z.infer<typeof needs> | null> {
  return reads.first(
    needs,
    `SELECT
       count(*) FILTER (WHERE state = 'in_review') AS "inReview",
       count(*) FILTER (WHERE state = 'unknown') AS unknown,
       (SELECT min(at) FROM (SELECT (SELECT max(started_at) FROM payment_attempt WHERE payment_id = payment.id) AS at
         FROM payment WHERE state IN ('unknown', 'in_review') ORDER BY id LIMIT ${mostCounted}) AS asked) AS "oldestUnknown",
       (SELECT count(*) FROM fund_difference WHERE state = 'open') AS "openDifferences",
       (SELECT count(*) FROM approval WHERE state = 'pending' AND expires_at > $1) AS "pendingApprovals",
       (SELECT coalesce(sum(points), 0) FROM hold WHERE state = 'held') AS "pointsHeld",
       (SELECT count(*) FROM (SELECT FROM webhook_delivery
         WHERE state = 'failed' AND last_attempt_at > $2 LIMIT ${mostCounted + 1}) AS failed) AS "failedWebhooks"
     FROM payment WHERE state IN ('unknown', 'in_review')`,
    [new Date(now).toISOString(), new Date(now - dayMs).toISOString()],
  );
}

const upTo = (value: number): string => (value > mostCounted ? `${count(mostCounted)}+` : count(value));

function Needs({ found, now }: { found: z.infer<typeof needs>; now: number }) {
  const cards = [
    ['In review', found.inReview, '/console/review', 'bad'],
    ['Outcome unknown', found.unknown, '/console/review', 'warn'],
    ['Open differences', found.openDifferences, '/console/reconciliation', 'bad'],
    ['Waiting for approval', found.pendingApprovals, '/console/approvals', 'warn'],
    ['Webhooks failed in a day', found.failedWebhooks, '/console/webhooks?state=failed', 'warn'],
  ] as const;
  return (
    <ul class="cards">
      {cards.map(([title, value, href, tone]) => (
        <li key={title} class="card" data-tone={value > 0 ? tone : undefined}>
          <strong>{upTo(value)}</strong>
          <a href={href}>{title}</a>
        </li>
      ))}
      <li class="card">
        <strong>{found.oldestUnknown === null ? 'none' : ageOf(found.oldestUnknown.getTime(), now)}</strong>
        Oldest outcome that is not proven
      </li>
      <li class="card">
        <strong>{count(found.pointsHeld)}</strong>
        Points held
      </li>
    </ul>
  );
}

const yearSeconds = 365 * 86_400;
const lastsFor = (seconds: number): string =>
  seconds > yearSeconds ? 'lasts more than a year at this pace' : `lasts ${ageOf(0, seconds * 1_000)} at this pace`;

type FundOf = { readonly partner: ConsolePartner; readonly fund: Awaited<ReturnType<Fund['read']>>[number] };

function Funds({ funds }: { funds: readonly FundOf[] }) {
  if (funds.length === 0) return <p class="empty">No partner of yours has a fund.</p>;
  return (
    <ul class="cards">
      {funds.map(({ partner, fund }) => {
        const runway = fund.runway.over7DaysSeconds ?? fund.runway.over30DaysSeconds;
        return (
          <li key={`${partner.id} ${fund.currency}`} class="card" data-tone={fund.isLow ? 'warn' : undefined}>
            <strong>{money(fund.availableMinor, fund.currency)}</strong>
            <a href={`/console/fund?partner=${partner.slug}`}>
              <Said text={partner.name} most={60} />
            </a>{' '}
            <small>
              {runway === null ? 'nothing drawn lately' : lastsFor(runway)}
              {fund.doubtedAt !== null && ', doubted'}
            </small>
          </li>
        );
      })}
    </ul>
  );
}
