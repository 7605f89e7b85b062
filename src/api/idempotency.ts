/** Idempotency-Key (experience.md, section 4): one key, one effect; only final answers are frozen. */
import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import type { ApiAnswer } from './answer.js';
import { Problem, type ProblemBody } from './problem.js';
import { Pool } from '../database/pool.js';
import { databaseTroubleOf } from '../database/trouble.js';

export interface IdempotentRequest {
  readonly partnerId: string;
  /** Who asks: the same key of another actor, or on another route, is another key. */
  readonly actorId: string;
  readonly route: string;
  readonly key: string;
  readonly body: unknown;
  /** What is acted on, or the id that something new gets: a retry acts on the same. */
  readonly subjectId: string;
}

/** What work answers; `frozen`: what a replay says in its place, where the answer holds a secret that is shown once. */
export type Worked = ApiAnswer & { readonly subjectId: string; readonly frozen?: object };

const beginAnswer = z.discriminatedUnion('outcome', [
  z.object({ outcome: z.literal('started'), paymentId: z.uuid(), lease: z.uuid() }),
  z.object({ outcome: z.literal('replay'), paymentId: z.uuid(), status: z.int(), body: z.looseObject({}).nullable() }),
  z.object({ outcome: z.enum(['in_flight', 'other_body']) }),
]);

const finishAnswer = z.object({ outcome: z.enum(['recorded', 'superseded', 'forgotten']) });

/** Identifies one wish of one actor: the id of its update, and of its confirmation. */
export function wishHash({ actorId, route, key }: Pick<IdempotentRequest, 'actorId' | 'route' | 'key'>): Buffer {
  return createHash('sha256')
    .update(JSON.stringify([actorId, route, key]))
    .digest();
}

/** A UUID (version 8) made of a hash, so that the same wish always has the same one. */
export function uuidOf(hash: Buffer): string {
  const bytes = Buffer.from(hash.subarray(0, 16));
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

const inFlight = (): Problem =>
  new Problem('idempotency_in_flight', 'Ask again in a moment with the same key.', {}, { 'Retry-After': '1' });

/** For work that never answers 202. */
const neverAccepted = (): Promise<never> => Promise.reject(new Error('This work has a final answer or none'));

@Injectable()
export class Idempotency {
  constructor(private readonly pool: Pool) {}

  /**
   * Does the work once a key. A 202 is remembered only as "done, tell the true state": its replay calls `tellNow`.
   * What fails without an answer (503, a crash) freezes nothing: the same key goes ahead again, with the same subject.
   * Whoever works longer than his lease lasts may be overtaken: then the other's answer counts, and his own is not told.
   */
  async once(
    request: IdempotentRequest,
    work: (subjectId: string, wish: Buffer) => Promise<Worked>,
    tellNow: (subjectId: string) => Promise<ApiAnswer> = neverAccepted,
  ): Promise<ApiAnswer> {
    const wish = wishHash(request);
    const bodyHash = createHash('sha256').update(JSON.stringify(request.body)).digest();
    const begun = beginAnswer.parse(
      await this.#call('idempotency_begin', [
        request.partnerId,
        request.route,
        wish,
        bodyHash,
        request.subjectId,
        new Date(),
      ]),
    );
    switch (begun.outcome) {
      case 'other_body':
        throw new Problem('idempotency_other_body', 'Nothing was done. Use a new key for a new request.');
      case 'in_flight':
        throw inFlight();
      case 'replay': {
        const answer =
          begun.body === null ? await tellNow(begun.paymentId) : { status: begun.status, body: begun.body };
        return { ...answer, headers: { 'Idempotency-Replayed': 'true' } };
      }
      case 'started':
        break;
    }
    const { paymentId: subject, lease } = begun;
    const finish = async (subjectId: string, status: number | null, body: object | null): Promise<void> => {
      const finished = finishAnswer.parse(
        await this.#call('idempotency_finish', [
          request.partnerId,
          request.route,
          wish,
          lease,
          subjectId,
          status,
          body,
        ]),
      );
      // An answer that only this caller would hear is worth nothing: a key or a secret in it has been replaced since.
      if (finished.outcome === 'superseded' && status !== null) throw inFlight();
    };
    let worked: Worked;
    try {
      worked = await work(subject, wish);
    } catch (error) {
      if (error instanceof Problem && error.isFinal) {
        await finish(subject, error.status, error.body() satisfies ProblemBody);
      } else if (error instanceof Problem || databaseTroubleOf(error) === 'rolled_back') {
        await finish(subject, null, null);
      }
      throw error;
    }
    const { subjectId, frozen, ...answer } = worked;
    await finish(subjectId, answer.status, answer.status === 202 ? null : (frozen ?? answer.body));
    return answer;
  }

  async #call(name: string, values: unknown[]): Promise<unknown> {
    const places = values.map((_, index) => `$${index + 1}`).join(', ');
    const { rows } = await this.pool.query<{ answer: unknown }>({
      name,
      text: `SELECT ${name}(${places}) AS answer`,
      values,
    });
    return rows[0]?.answer;
  }
}
