/**
 * Members and their points: credits, reversals, expiry, and what of it can be read. A method a SQL function, as in ledger.ts.
 * Points are whole numbers; a day is a date of the programme's zone, `YYYY-MM-DD`; `at` is milliseconds since 1970.
 */
import type pg from 'pg';
import { z } from 'zod';
import type { Actor } from '../domain/payment.js';
import { call, iso, type OnDeliveries } from './call.js';
import { balance, outcome, type Balance } from './outcomes.js';

const whole = z.number().refine(Number.isSafeInteger, 'is not a safe integer');
const day = z.string().nullable();
const instant = z.string();

const creditOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['credited', 'already_credited', 'conflict']), creditId: z.uuid() }),
  outcome('erased', 'already_over', 'not_found'),
]);
const reverseOutcome = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.enum(['reversed', 'already_reversed']), reversalId: z.uuid(), points: whole }),
  z.object({ outcome: z.literal('insufficient'), remaining: whole }),
  outcome('conflict', 'not_found'),
]);
const credit = z.object({
  id: z.uuid(),
  memberId: z.uuid(),
  points: whole,
  remaining: whole,
  reversed: whole,
  expiresOn: day,
  reference: z.string(),
  creditedAt: instant,
});
const member = z.object({
  id: z.uuid(),
  externalId: z.string().nullable(),
  metadata: z.record(z.string(), z.string()),
  createdAt: instant,
  erasedAt: instant.nullable(),
  balance,
  expiringSoon: z.array(z.object({ expiresOn: z.string(), points: whole })),
});
const entry = z.object({
  id: z.uuid(),
  kind: z.string(),
  points: whole,
  reference: z.string(),
  paymentId: z.uuid().nullable(),
  creditId: z.uuid().nullable(),
  at: instant,
});
const lot = z.object({
  id: z.uuid(),
  creditId: z.uuid().nullable(),
  granted: whole,
  remaining: whole,
  held: whole,
  expiresOn: day,
  reference: z.string(),
  at: instant,
});
const exportedMember = z.object({
  id: z.uuid(),
  externalId: z.string().nullable(),
  available: whole,
  held: whole,
  nextExpiresOn: day,
  createdAt: instant,
  erasedAt: instant.nullable(),
});
const exportedEntry = entry.extend({ xid: z.string(), memberId: z.uuid(), expiresOn: day });
const entryPage = z.object({ epoch: whole, until: z.string(), entries: z.array(exportedEntry) });
const expired = z.object({ lots: whole, points: whole, members: whole });

export type CreditOutcome = z.infer<typeof creditOutcome>;
export type ReverseOutcome = z.infer<typeof reverseOutcome>;
export type PointCredit = z.infer<typeof credit>;
export type Member = z.infer<typeof member>;
export type Entry = z.infer<typeof entry>;
export type Lot = z.infer<typeof lot>;
export type ExportedMember = z.infer<typeof exportedMember>;
export type ExportedEntry = z.infer<typeof exportedEntry>;
export type EntryExport = z.infer<typeof entryPage>;

interface Credit {
  readonly partnerId: string;
  readonly memberId: string;
  readonly points: number;
  /** The partner's own, unique among its credits. */
  readonly reference: string;
  readonly actor: Actor;
  readonly at: number;
}

export class Points {
  constructor(
    private readonly pool: pg.Pool,
    private readonly onDeliveries?: OnDeliveries,
  ) {}

  /** The member known by this external id; made empty at the first sight of him. */
  async openMember(partnerId: string, externalId: string): Promise<string> {
    const schema = z.object({ outcome: z.literal('known'), memberId: z.uuid() });
    return (await this.#call(schema, 'member_open', [partnerId, externalId])).memberId;
  }

  findMember(partnerId: string, externalId: string): Promise<string | null> {
    return this.#call(z.uuid().nullable(), 'member_find', [partnerId, externalId]);
  }

  /** @param metadata null: left as it is */
  putMember(partnerId: string, externalId: string, metadata: Readonly<Record<string, string>> | null) {
    const schema = z.object({ outcome: z.enum(['created', 'changed']), memberId: z.uuid() });
    return this.#call(schema, 'member_put', [partnerId, externalId, metadata]);
  }

  eraseMember(partnerId: string, memberId: string, at: number) {
    return this.#call(outcome('erased', 'already_erased', 'conflict', 'not_found'), 'member_erase', [
      partnerId,
      memberId,
      iso(at),
    ]);
  }

  readMember(partnerId: string, memberId: string, soonDays: number, at: number): Promise<Member | null> {
    return this.#call(member.nullable(), 'member_read', [partnerId, memberId, `${soonDays} days`, iso(at)]);
  }

  /** What he can spend now, and what is held. */
  balance(partnerId: string, memberId: string, at: number): Promise<Balance> {
    return this.#call(balance, 'member_balance', [partnerId, memberId, iso(at)]);
  }

  /** What the books had for him at a moment; null for a member that is not there. */
  balanceAt(partnerId: string, memberId: string, at: number): Promise<Balance | null> {
    return this.#call(balance.nullable(), 'member_balance_at', [partnerId, memberId, iso(at)]);
  }

  /** ... and at the end of a day in the programme's zone. */
  balanceOn(partnerId: string, memberId: string, on: string): Promise<Balance | null> {
    return this.#call(balance.nullable(), 'member_balance_on', [partnerId, memberId, on]);
  }

  /** Newest first. */
  entries(partnerId: string, memberId: string, before: string | null, limit: number): Promise<Entry[]> {
    return this.#call(z.array(entry), 'member_entries', [partnerId, memberId, before, limit]);
  }

  /** Oldest first; those with nothing left are not among them. */
  lots(partnerId: string, memberId: string, after: string | null, limit: number): Promise<Lot[]> {
    return this.#call(z.array(lot), 'member_lots', [partnerId, memberId, after, limit]);
  }

  /** @param expiresOn the last day on which the points can be spent; null: they do not expire */
  credit(wish: Credit & { readonly expiresOn: string | null }): Promise<CreditOutcome> {
    return this.#call(creditOutcome, 'points_credit_until', [
      wish.partnerId,
      wish.memberId,
      wish.points,
      wish.expiresOn,
      wish.reference,
      wish.actor,
      iso(wish.at),
    ]);
  }

  /** As `credit`, to the member of this external id: made where nobody has had it, if something is credited to him. */
  creditNamed(
    wish: Omit<Credit, 'memberId'> & { readonly memberExternalId: string; readonly expiresOn: string | null },
  ): Promise<CreditOutcome> {
    return this.#call(creditOutcome, 'points_credit_named', [
      wish.partnerId,
      wish.memberExternalId,
      wish.points,
      wish.expiresOn,
      wish.reference,
      wish.actor,
      iso(wish.at),
    ]);
  }

  /** As `credit`, until a moment instead of a day. */
  creditUntil(wish: Credit & { readonly expiresAt: number | null }): Promise<CreditOutcome> {
    return this.#call(creditOutcome, 'points_credit', [
      wish.partnerId,
      wish.memberId,
      wish.points,
      wish.expiresAt === null ? null : iso(wish.expiresAt),
      wish.reference,
      wish.actor,
      iso(wish.at),
    ]);
  }

  readCredit(partnerId: string, creditId: string): Promise<PointCredit | null> {
    return this.#call(credit.nullable(), 'points_credit_read', [partnerId, creditId]);
  }

  /** @param wish.points null: the whole credit */
  reverse(wish: {
    partnerId: string;
    creditId: string;
    points: number | null;
    reference: string;
    actor: Actor;
    at: number;
  }): Promise<ReverseOutcome> {
    return this.#call(reverseOutcome, 'points_reverse', [
      wish.partnerId,
      wish.creditId,
      wish.points,
      wish.reference,
      wish.actor,
      iso(wish.at),
    ]);
  }

  /** Books what has expired, of the members behind the oldest so many lots. `lots` 0: nothing is left. */
  expire(partnerId: string, lots: number, at: number) {
    return this.#call(expired, 'points_expire', [partnerId, iso(at), lots]);
  }

  /** Keeps what the programme came to at the end of the last day that has been over for a day. */
  closeDay(partnerId: string, at: number) {
    return this.#call(outcome('closed', 'nothing'), 'points_close_day', [partnerId, iso(at)]);
  }

  /** Of all, by id. */
  partners(after: string | null, limit: number): Promise<string[]> {
    return this.#call(z.array(z.uuid()), 'partners_page', [after, limit]);
  }

  partnersWithExpiredPoints(at: number): Promise<string[]> {
    return this.#call(z.array(z.uuid()), 'partners_with_expired_points', [iso(at)]);
  }

  /** @param changes keys of the loyalty settings that the partner may change itself */
  changeProgramme(partnerId: string, changes: object) {
    return this.#call(outcome('changed', 'no_programme', 'not_found'), 'programme_change', [partnerId, changes]);
  }

  /** By id, from after the given one. */
  exportMembers(partnerId: string, after: string | null, limit: number, at: number): Promise<ExportedMember[]> {
    return this.#call(z.array(exportedMember), 'export_members', [partnerId, after, limit, iso(at)]);
  }

  /** By what wrote them and by id, from after the given one; `until` as the first page told it: the end of all of them. */
  exportEntries(
    partnerId: string,
    place: { readonly after: { readonly xid: string; readonly id: string } | null; readonly until: string | null },
    limit: number,
    span: { from: number | null; to: number | null },
  ): Promise<EntryExport> {
    const [from, to] = [span.from, span.to].map((at) => (at === null ? null : iso(at)));
    const { after, until } = place;
    return this.#call(entryPage, 'export_entries', [
      ...[partnerId, after?.xid ?? null, after?.id ?? null, until],
      ...[limit, from, to],
    ]);
  }

  #call<T>(schema: z.ZodType<T>, name: string, args: readonly unknown[]): Promise<T> {
    return call(this.pool, schema, name, args, this.onDeliveries);
  }
}
