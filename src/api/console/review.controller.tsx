/** The review queue: payments whose outcome is not known, and those that wait for a person, the oldest first. */
import { Controller, Get, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { ConsoleGuard, Me } from './consoleGuard.js';
import type { PageReads } from './consoleReads.js';
import { Desk, type FormContext } from './desk.js';
import { filtersOf } from './forms.js';
import { hasRole, type Operator } from './operator.js';
import { addressOf, rowsAPage, uuidPlace } from './paging.js';
import { PartnerChoice, PartnerName } from './partnerParts.js';
import { Choice, Field, Filters } from './fields.js';
import { Pages, Table } from './tables.js';
import { ageOf, count, Money, Said, ShortId, State, When } from './values.js';

const path = '/console/review';
const states = ['unknown', 'in_review'] as const;
const reviewFilters = z.object({
  state: z.enum(states).optional(),
  reason: z
    .string()
    .regex(/^[a-z0-9_]{1,64}$/, 'must be a code: a-z, 0-9 and _')
    .optional(),
  after: uuidPlace.after,
});
type ReviewFilters = z.infer<typeof reviewFilters>;

const row = z.object({
  id: z.uuid(),
  partnerName: z.string(),
  state: z.enum(states),
  reason: z.string().nullable(),
  amountMinor: z.coerce.number().nullable(),
  currency: z.string().nullable(),
  askedAt: z.date(),
  lastProbe: z.string().nullable(),
  readAt: z.date().nullable(),
  nextProbeAt: z.date().nullable(),
  heldPoints: z.coerce.number().nullable(),
});
type Row = z.infer<typeof row>;

@ApiExcludeController()
@Controller('console/review')
@UseGuards(ConsoleGuard)
export class ReviewController {
  constructor(private readonly desk: Desk) {}

  @Get()
  async queue(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const filters = filtersOf(reviewFilters, request.query);
    const { partner, partners, read } = await this.desk.reads.for(operator, async (reads) => {
      const chosen = await this.desk.partnerOf(request, reads);
      return {
        partner: chosen,
        partners: await this.desk.partners(reads),
        read: await readQueue(reads, chosen?.id ?? null, filters),
      };
    });
    const rows = read.slice(0, rowsAPage);
    const fields = { ...filters, after: undefined, partner: partner?.slug };
    const next = read.length > rowsAPage ? rows.at(-1)?.id : undefined;
    this.desk.show(
      request,
      response,
      { view: 'review', title: 'Review queue', path, live: true },
      <>
        <Filters action={path}>
          <PartnerChoice partners={partners} value={partner?.slug} />
          <Choice
            name="state"
            label="State"
            value={filters.state}
            options={[
              ['in_review', 'in review'],
              ['unknown', 'outcome unknown'],
            ]}
          />
          <Field name="reason" label="Reason" value={filters.reason} most={64} />
        </Filters>
        <div data-region="queue">
          <Queue
            rows={rows}
            timeZone={this.desk.options.timeZone}
            forms={hasRole(operator, 'operator') ? this.desk.formsOf(request) : null}
          />
          <Pages
            newer={filters.after === undefined ? null : addressOf(path, fields)}
            older={next === undefined ? null : addressOf(path, { ...fields, after: next })}
            words={{ newer: '← The oldest', older: 'Later ones →' }}
          />
        </div>
      </>,
    );
  }
}

/** By a partial index of these few, in the order in which they were opened. */
function readQueue(reads: PageReads, partnerId: string | null, filters: ReviewFilters): Promise<Row[]> {
  return reads.rows(
    row,
    `SELECT payment.id, partner.name AS "partnerName", payment.state, reason, payment.amount_minor AS "amountMinor",
       payment.currency, last_probe AS "lastProbe", read_at AS "readAt", next_probe_at AS "nextProbeAt",
       hold.points AS "heldPoints", coalesce((SELECT max(started_at) FROM payment_attempt
         WHERE payment_id = payment.id), opened_at) AS "askedAt"
     FROM payment JOIN partner ON partner.id = payment.partner_id
     LEFT JOIN hold ON hold.payment_id = payment.id AND hold.state = 'held'
     WHERE payment.state IN ('unknown', 'in_review') AND ($1::uuid IS NULL OR payment.partner_id = $1)
       AND ($2::text IS NULL OR payment.state = $2) AND ($3::text IS NULL OR reason = $3)
       AND ($4::uuid IS NULL OR payment.id > $4)
     ORDER BY payment.id LIMIT $5`,
    [partnerId, filters.state ?? null, filters.reason ?? null, filters.after ?? null, rowsAPage + 1],
  );
}

function Queue({ rows, timeZone, forms }: { rows: readonly Row[]; timeZone: string; forms: FormContext | null }) {
  const now = Date.now();
  return (
    <Table
      caption="Payments that need somebody, the oldest first"
      rows={rows}
      keyOf={({ id }) => id}
      empty="Nothing waits: every outcome is known."
      columns={[
        { title: 'Since', isNumber: true, cell: ({ askedAt }) => ageOf(askedAt.getTime(), now) },
        {
          title: 'Payment',
          cell: ({ id }) => <ShortId id={id} href={`/console/payments/${id}`} />,
        },
        { title: 'State', cell: ({ state }) => <State state={state} /> },
        { title: 'Reason', cell: ({ reason }) => <Said text={reason?.replaceAll('_', ' ')} most={64} /> },
        { title: 'Partner', cell: ({ partnerName }) => <PartnerName name={partnerName} /> },
        {
          title: 'Amount',
          isNumber: true,
          cell: ({ amountMinor, currency }) => <Money amountMinor={amountMinor} currency={currency} />,
        },
        {
          title: 'Last probe',
          cell: ({ lastProbe, readAt }) => (
            <>
              <Said text={lastProbe ?? 'none yet'} most={40} />{' '}
              {lastProbe !== null && (
                <small>
                  <When at={readAt} timeZone={timeZone} />
                </small>
              )}
            </>
          ),
        },
        { title: 'Next probe', cell: ({ nextProbeAt }) => <When at={nextProbeAt} timeZone={timeZone} /> },
        {
          title: 'Hold',
          cell: ({ heldPoints }) => (heldPoints === null ? 'nothing held' : `held, ${count(heldPoints)} points`),
        },
        ...(forms === null ? [] : [{ title: 'Act', cell: ({ id }: Row) => <Probe id={id} forms={forms} /> }]),
      ]}
    />
  );
}

function Probe({ id, forms }: { id: string; forms: FormContext }) {
  return (
    <form method="post" action={`/console/payments/${id}/probe`}>
      <input type="hidden" name="csrf" value={forms.csrf} />
      <button aria-label={`Probe payment ${id} now`}>Probe now</button>
    </form>
  );
}
