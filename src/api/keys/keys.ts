/** A partner's API keys: several at a time, so that one can be replaced before it ends. */
import { Injectable } from '@nestjs/common';
import { DataSource, In, IsNull, LessThan, MoreThan, type EntityManager } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { ApiKeyEntity } from '../../database/entities/apiKey.js';
import { withPartner } from '../../database/withPartner.js';
import { makeApiKey, scopes, type Scope } from '../auth/apiKeys.js';
import { PayOptions } from '../pay/payOptions.js';

export interface NewKey {
  readonly id: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

export type Made =
  { readonly kind: 'made'; readonly key: ApiKeyEntity; readonly secret: string } | { readonly kind: 'too_many' };

export type Revoked =
  { readonly kind: 'revoked'; readonly key: ApiKeyEntity } | { readonly kind: 'not_found' | 'last_full_key' };

export type Rotated = Made | { readonly kind: 'not_found' | 'over' | 'last_full_key' };

/** That work at the same time. */
export const mostKeys = 50;
/** One that has to be replaced can be, also at the limit: so many more may stand beside those that they replace. */
const mostWithSuccessors = 2 * mostKeys;

/** The answer with the successor may be lost: for so long the key that is replaced can make or replace another. */
const leastOverlapMs = 10 * 60_000;
/** ... and where nobody else could, for so long. */
const leastOverlapOfLastMs = 3_600_000;

@Injectable()
export class Keys {
  constructor(
    private readonly dataSource: DataSource,
    private readonly options: PayOptions,
  ) {}

  /** Newest first, from before the given one; those that are over for long are among them. */
  list(partnerId: string, before: string | null, limit: number): Promise<ApiKeyEntity[]> {
    return withPartner(this.dataSource, partnerId, (manager) =>
      manager.getRepository(ApiKeyEntity).find({
        where: { partnerId, ...(before === null ? {} : { id: LessThan(before) }) },
        order: { id: 'DESC' },
        take: limit,
      }),
    );
  }

  /** The key itself too: it is shown this once. Made already, by a request whose answer was lost: made anew. */
  make(partnerId: string, wish: NewKey): Promise<Made> {
    return withPartner(this.dataSource, partnerId, async (manager): Promise<Made> => {
      const keys = await lock(manager, partnerId, wish.id);
      return this.#insert(manager, partnerId, keys, wish, mostKeys);
    });
  }

  /** Another key like this one; this one ends after the overlap, which has a least length. */
  rotate(partnerId: string, id: string, newId: string, overlapMs: number): Promise<Rotated> {
    return withPartner(this.dataSource, partnerId, async (manager): Promise<Rotated> => {
      const keys = await lock(manager, partnerId, id, newId);
      const old = keys.find((key) => key.id === id);
      if (old === undefined) return { kind: 'not_found' };
      // A repetition may come when the overlap is over: its successor, which nobody has seen, is made anew.
      const isMade = keys.some((key) => key.id === newId);
      if (!isMade && isOver(old)) return { kind: 'over' };
      if (!isMade && overlapMs < leastOverlapOfLastMs && isLastFull(old, keys)) return { kind: 'last_full_key' };
      const endsAt = new Date(Date.now() + Math.max(overlapMs, leastOverlapMs));
      const ownEnd = old.replacedAt === null ? old.expiresAt : old.ownExpiresAt;
      const lifeMs = ownEnd === null ? null : ownEnd.getTime() - old.createdAt.getTime();
      const made = await this.#insert(
        manager,
        partnerId,
        keys,
        {
          id: newId,
          name: old.name,
          scopes: old.scopes.filter((scope): scope is Scope => (scopes as readonly string[]).includes(scope)),
          // As long a life as the one before it had.
          expiresAt: lifeMs === null ? null : new Date(Date.now() + lifeMs),
        },
        mostWithSuccessors,
      );
      if (made.kind === 'made' && (old.expiresAt === null || old.expiresAt > endsAt)) {
        const replaced = old.replacedAt === null ? { replacedAt: new Date(), ownExpiresAt: old.expiresAt } : {};
        await manager.getRepository(ApiKeyEntity).update({ id, partnerId }, { expiresAt: endsAt, ...replaced });
      }
      return made;
    });
  }

  /** Ends a key at once. Not the last one that can make others: nobody could any more. */
  revoke(partnerId: string, id: string): Promise<Revoked> {
    return withPartner(this.dataSource, partnerId, async (manager): Promise<Revoked> => {
      const all = await lock(manager, partnerId, id);
      const key = all.find((one) => one.id === id);
      if (key === undefined) return { kind: 'not_found' };
      if (key.revokedAt !== null) return { kind: 'revoked', key };
      if (isLastFull(key, all)) return { kind: 'last_full_key' };
      const keys = manager.getRepository(ApiKeyEntity);
      await keys.update({ id, partnerId }, { revokedAt: new Date() });
      return { kind: 'revoked', key: await keys.findOneByOrFail({ id, partnerId }) };
    });
  }

  async #insert(
    manager: EntityManager,
    partnerId: string,
    present: readonly ApiKeyEntity[],
    wish: NewKey,
    most: number,
  ): Promise<Made> {
    const { key: secret, prefix, hash } = makeApiKey(this.options.testMode);
    const keys = manager.getRepository(ApiKeyEntity);
    // A retry after a lost answer: the key that nobody has seen ends, and this one takes its place under a new id.
    const unseen = present.some((key) => key.id === wish.id);
    if (!unseen && present.filter((key) => !isOver(key)).length >= most) return { kind: 'too_many' };
    if (unseen) await keys.update({ id: wish.id, partnerId }, { revokedAt: new Date() });
    const id = unseen ? uuidv7() : wish.id;
    await keys.insert({ ...wish, id, partnerId, prefix, hash, scopes: [...wish.scopes] });
    return { kind: 'made', key: await keys.findOneByOrFail({ id, partnerId }), secret };
  }
}

/**
 * The partner's keys that work, and these ones whatever they are. All changes of keys come one after the other: two
 * revocations at once would leave none.
 */
async function lock(manager: EntityManager, partnerId: string, ...ids: string[]): Promise<ApiKeyEntity[]> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`api-keys/${partnerId}`]);
  return manager.getRepository(ApiKeyEntity).findBy([
    { partnerId, revokedAt: IsNull(), expiresAt: IsNull() },
    { partnerId, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) },
    { partnerId, id: In(ids) },
  ]);
}

/** Whether it is the only one by which others can be made. */
const isLastFull = (key: ApiKeyEntity, all: readonly ApiKeyEntity[]): boolean =>
  isFull(key) && !isOver(key) && !all.some((other) => other.id !== key.id && isFull(other) && !isOver(other));
const isFull = (key: ApiKeyEntity): boolean => scopes.every((scope) => key.scopes.includes(scope));
const isOver = ({ revokedAt, expiresAt }: ApiKeyEntity): boolean =>
  revokedAt !== null || (expiresAt !== null && expiresAt.getTime() <= Date.now());
