/** The list of payments: filters, search by any id, export. */
import { Body, Controller, Get, Post, Req, Res, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { z } from 'zod';
import { paymentStates } from '../../../domain/payment.js';
import { Acts } from '../acts.js';
import { ConsoleGuard, Me } from '../consoleGuard.js';
import type { PageReads } from '../consoleReads.js';
import { ConsoleStop } from '../consoleStop.js';
import { sendCsv } from '../csv.js';
import { Desk, type ConsolePartner, type FormContext } from '../desk.js';
import { filtersOf } from '../forms.js';
import type { Operator } from '../operator.js';
import { addressOf, rowsAPage } from '../paging.js';
import { PartnerChoice, PartnerName } from '../partnerParts.js';
import { Choice, Field, Filters } from '../fields.js';
import { Pages, Table } from '../tables.js';
import { ageOf, Count, Money, Said, ShortId, State, When } from '../values.js';
import { paymentFilters, type PaymentFilters } from './paymentFilters.js';
import { masked, readPayments, spanOf, type PaymentRow } from './paymentPages.js';
import { searchPayments } from './paymentSearch.js';

const path = '/console/payments';
const rowsAtOnceExported = 1_000;
const memberRow = z.object({ partnerId: z.uuid() });
const searchBody = z.object({ q: z.string().trim().min(1).max(200) });

@ApiExcludeController()
@Controller('console/payments')
@UseGuards(ConsoleGuard)
export class PaymentsListController {
  constructor(
    private readonly desk: Desk,
    private readonly acts: Acts,
  ) {}

  @Get()
  async list(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const filters = filtersOf(paymentFilters, request.query);
    if (filters.member !== undefined) await this.#look(operator, request, filters.member);
    const { partner, partners, page } = await this.desk.reads.for(operator, async (reads) => {
      const [seen, chosen] = await this.#partnersOf(request, reads);
      return { partner: chosen, partners: seen, page: await this.#page(reads, idsOf(seen, chosen), filters) };
    });
    // Of a member each look is a line in the log, so that page is not fetched again by itself.
    const live = page.newer === null && filters.sort !== 'oldest' && filters.member === undefined;
    const fields = { ...filters, before: undefined, after: undefined, partner: partner?.slug };
    this.desk.show(
      request,
      response,
      { view: 'payments', title: 'Payments', path, live },
      <>
        <Search forms={this.desk.formsOf(request)} />
        <PaymentFilterForm filters={filters} partner={partner} partners={partners} />
        <div data-region="payments">
          <PaymentTable rows={page.rows} timeZone={this.desk.options.timeZone} showPartner={partner === null} />
          <Pages
            newer={page.newer === null ? null : addressOf(path, { ...fields, ...page.newer })}
            older={page.older === null ? null : addressOf(path, { ...fields, ...page.older })}
          />
        </div>
        {page.rows.length > 0 && (
          <p class="ways">
            <a href={addressOf(`${path}/export.csv`, fields)}>Export these as CSV</a>
            <small>Every payment that these filters find; members stay masked. The export is in the audit log.</small>
          </p>
        )}
      </>,
    );
  }

  /** By POST: what is searched for may be a member's phone, which belongs into no address and no log. */
  @Post('search')
  async search(@Me() operator: Operator, @Body() body: unknown, @Req() request: Request, @Res() response: Response) {
    const parsed = searchBody.safeParse(body);
    if (!parsed.success) throw new ConsoleStop('invalid', 'Search for one id, of at most 200 characters.', path);
    const found = await this.desk.reads.for(operator, async (reads) => {
      const partners = await this.desk.partners(reads);
      return searchPayments(reads, idsOf(partners, null), parsed.data.q);
    });
    switch (found.kind) {
      case 'payment':
        response.redirect(303, `${path}/${found.id}`);
        return;
      case 'invoice':
        response.redirect(303, addressOf(path, { invoice: found.invoiceId }));
        return;
      case 'member': {
        const { memberId, partnerId } = found;
        const known = { outcome: 'found a member', subject: memberId, subjectKind: 'member', partnerId };
        await this.acts.write(request, { action: 'payment.search', ...known });
        response.redirect(303, addressOf(path, { member: memberId }));
        return;
      }
      case 'nothing':
        await this.acts.write(request, { action: 'payment.search', outcome: 'nothing found', subject: path });
        throw new ConsoleStop('not_found', 'No payment of your partners has this id, whole and exactly so.', path);
    }
  }

  @Get('export.csv')
  async export(@Me() operator: Operator, @Req() request: Request, @Res() response: Response) {
    const filters = filtersOf(paymentFilters, request.query);
    const { partner, ids, span } = await this.desk.reads.for(operator, async (reads) => {
      const [seen, chosen] = await this.#partnersOf(request, reads);
      return {
        partner: chosen,
        ids: idsOf(seen, chosen),
        span: await spanOf(reads, filters, this.desk.options.timeZone),
      };
    });
    await this.acts.write(request, {
      action: 'export.payments',
      outcome: 'sent',
      subject: request.originalUrl.slice(0, 200),
      partnerId: partner?.id ?? null,
      detail: { ...filters, partner: partner?.slug ?? 'all' },
    });
    const { reads } = this.desk;
    const order = filters.sort === 'oldest' ? 'ASC' : 'DESC';
    async function* pages() {
      for (let last: string | undefined; ;) {
        const place = order === 'ASC' ? { above: last } : { below: last };
        const rows = await reads.for(operator, (each) =>
          readPayments(each, ids, filters, span, { order, ...place }, rowsAtOnceExported),
        );
        yield rows.map(cellsOf);
        last = rows.at(-1)?.id;
        if (rows.length < rowsAtOnceExported) return;
      }
    }
    await sendCsv(response, 'payments', csvColumns, pages());
  }

  async #look(operator: Operator, request: Request, memberId: string): Promise<void> {
    const member = await this.desk.reads.for(operator, (reads) =>
      reads.first(memberRow, 'SELECT partner_id AS "partnerId" FROM member WHERE id = $1', [memberId]),
    );
    if (member === null) return this.desk.notSeen(request, 'member', memberId);
    const { partnerId } = member;
    const look = { action: 'member.look', outcome: 'shown', subject: memberId, subjectKind: 'member' };
    await this.acts.write(request, { ...look, partnerId, detail: { page: 'payments' } });
  }

  async #partnersOf(request: Request, reads: PageReads): Promise<[ConsolePartner[], ConsolePartner | null]> {
    return [await this.desk.partners(reads), await this.desk.partnerOf(request, reads)];
  }

  async #page(reads: PageReads, partnerIds: readonly string[], filters: PaymentFilters) {
    const { before, after, sort = 'newest' } = filters;
    const order = before !== undefined ? 'DESC' : after !== undefined ? 'ASC' : sort === 'newest' ? 'DESC' : 'ASC';
    const span = await spanOf(reads, filters, this.desk.options.timeZone);
    const place = { order, above: after, below: before } as const;
    const read = await readPayments(reads, partnerIds, filters, span, place, rowsAPage + 1);
    const isMore = read.length > rowsAPage;
    const inOrder = read.slice(0, rowsAPage);
    const rows = (order === 'DESC') === (sort === 'newest') ? inOrder : inOrder.toReversed();
    const ids = rows.map(({ id }) => id).sort();
    const [lowest, highest] = [ids.at(0), ids.at(-1)];
    const hasNewer = order === 'ASC' ? isMore : before !== undefined;
    const hasOlder = order === 'DESC' ? isMore : after !== undefined;
    return {
      rows,
      newer: hasNewer && highest !== undefined ? { after: highest } : null,
      older: hasOlder && lowest !== undefined ? { before: lowest } : null,
    };
  }
}

const idsOf = (partners: readonly ConsolePartner[], chosen: ConsolePartner | null): string[] =>
  chosen === null ? partners.map(({ id }) => id) : [chosen.id];

const csvColumns = [
  'id', 'partner', 'scheme', 'state', 'reason', 'invoiceId', 'invoiceNumber', 'memberId', 'member', 'amountMinor',
  'currency', 'points', 'openedAt', 'closedAt',
] as const; // prettier-ignore

const cellsOf = (row: PaymentRow): (string | number | null)[] => [
  row.id, row.partnerSlug, row.scheme, row.state, row.reason, row.invoiceId, row.invoiceNumber, row.memberId,
  row.memberId === null ? null : masked(row.memberEnd), row.amountMinor, row.currency, row.points,
  row.openedAt.toISOString(), row.closedAt?.toISOString() ?? null,
]; // prettier-ignore

function Search({ forms }: { forms: FormContext }) {
  return (
    <form method="post" action={`${path}/search`} class="filters" role="search" aria-label="By an id">
      <input type="hidden" name="csrf" value={forms.csrf} />
      <label class="grows">
        <span>Find by an id</span>
        <input type="search" name="q" maxLength={200} required autocomplete="off" />
        <small>
          Of a payment, invoice, transaction, call to Invoicebox, workflow, return or event; or a member’s own, exactly.
        </small>
      </label>
      <button>Find</button>
    </form>
  );
}

function PaymentFilterForm({
  filters,
  partner,
  partners,
}: {
  filters: PaymentFilters;
  partner: ConsolePartner | null;
  partners: readonly ConsolePartner[];
}) {
  return (
    <Filters action={path}>
      <PartnerChoice partners={partners} value={partner?.slug} />
      <Choice
        name="state"
        label="State"
        value={filters.state}
        options={paymentStates.map((state) => [state, state.replaceAll('_', ' ')] as const)}
      />
      <Choice
        name="scheme"
        label="Scheme"
        value={filters.scheme}
        options={[
          ['loyalty', 'loyalty'],
          ['organisation', 'organisation'],
        ]}
      />
      <Field name="reason" label="Reason" value={filters.reason} most={64} />
      <Field name="from" label="Opened from" type="date" value={filters.from} />
      <Field name="to" label="to" type="date" value={filters.to} />
      <Choice
        name="sort"
        label="Order"
        value={filters.sort}
        options={[['oldest', 'oldest first']]}
        all="newest first"
      />
      {filters.member !== undefined && <input type="hidden" name="member" value={filters.member} />}
      {filters.invoice !== undefined && <input type="hidden" name="invoice" value={filters.invoice} />}
    </Filters>
  );
}

function PaymentTable({
  rows,
  timeZone,
  showPartner,
}: {
  rows: readonly PaymentRow[];
  timeZone: string;
  showPartner: boolean;
}) {
  const now = Date.now();
  return (
    <Table
      caption="Payments"
      rows={rows}
      keyOf={({ id }) => id}
      empty="No payment is like that."
      columns={[
        { title: 'Opened', cell: (row) => <When at={row.openedAt} timeZone={timeZone} /> },
        { title: 'Payment', cell: (row) => <ShortId id={row.id} href={`${path}/${row.id}`} /> },
        ...(showPartner
          ? [{ title: 'Partner', cell: (row: PaymentRow) => <PartnerName name={row.partnerName} /> }]
          : []),
        { title: 'Invoice', cell: (row) => <Said text={row.invoiceNumber ?? row.invoiceId.slice(-12)} most={60} /> },
        { title: 'Member', cell: (row) => (row.memberId === null ? <Said text={null} /> : masked(row.memberEnd)) },
        {
          title: 'Amount',
          isNumber: true,
          cell: (row) => <Money amountMinor={row.amountMinor} currency={row.currency} />,
        },
        { title: 'Points', isNumber: true, cell: (row) => <Count value={row.points} /> },
        {
          title: 'State',
          cell: (row) => (
            <>
              <State state={row.state} /> {row.reason !== null && <small>{row.reason.replaceAll('_', ' ')}</small>}
            </>
          ),
        },
        {
          title: 'Took',
          isNumber: true,
          cell: (row) =>
            row.closedAt === null ? (
              <>{ageOf(row.openedAt.getTime(), now)} so far</>
            ) : (
              ageOf(row.openedAt.getTime(), row.closedAt.getTime())
            ),
        },
      ]}
    />
  );
}
