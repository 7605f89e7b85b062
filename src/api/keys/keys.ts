/** A partner's API keys: several at a time, so that one can be replaced before it ends. */
import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
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

export type Revoked =
  { readonly kind: 'revoked'; readonly key: ApiKeyEntity } | { readonly kind: 'not_found' | 'last_full_key' };

export type Rotated =
  | { readonly kind: 'rotated'; readonly key: ApiKeyEntity; readonly secret: string }
  | { readonly kind: 'not_found' | 'over' };

const most = 100;

@Injectable()
export class Keys {
  constructor(
    private readonly dataSource: DataSource,
    private readonly options: PayOptions,
  ) {}

  /** Newest first; those that are over for long are among them. */
  list(partnerId: string): Promise<ApiKeyEntity[]> {
    return withPartner(this.dataSource, partnerId, (manager) =>
      manager.getRepository(ApiKeyEntity).find({ where: { partnerId }, order: { id: 'DESC' }, take: most }),
    );
  }

  /** @returns the key itself too: it is shown this once. Made already, by a request whose answer was lost: made anew. */
  make(partnerId: string, wish: NewKey): Promise<{ key: ApiKeyEntity; secret: string }> {
    return withPartner(this.dataSource, partnerId, (manager) => this.#insert(manager, partnerId, wish));
  }

  /** Another key like this one; this one ends after the overlap. */
  rotate(partnerId: string, id: string, newId: string, overlapMs: number): Promise<Rotated> {
    return withPartner(this.dataSource, partnerId, async (manager): Promise<Rotated> => {
      const old = await lock(manager, partnerId, id);
      if (old === null) return { kind: 'not_found' };
      if (isOver(old)) return { kind: 'over' };
      const endsAt = new Date(Date.now() + overlapMs);
      const lifeMs = old.expiresAt === null ? null : old.expiresAt.getTime() - old.createdAt.getTime();
      const made = await this.#insert(manager, partnerId, {
        id: newId,
        name: old.name,
        scopes: old.scopes.filter((scope): scope is Scope => (scopes as readonly string[]).includes(scope)),
        // As long a life as the one before it had.
        expiresAt: lifeMs === null ? null : new Date(Date.now() + lifeMs),
      });
      if (old.expiresAt === null || old.expiresAt > endsAt) {
        await manager.getRepository(ApiKeyEntity).update({ id, partnerId }, { expiresAt: endsAt });
      }
      return { kind: 'rotated', ...made };
    });
  }

  /** Ends a key at once. Not the last one that can make others: nobody could any more. */
  revoke(partnerId: string, id: string): Promise<Revoked> {
    return withPartner(this.dataSource, partnerId, async (manager): Promise<Revoked> => {
      const key = await lock(manager, partnerId, id);
      if (key === null) return { kind: 'not_found' };
      if (key.revokedAt !== null) return { kind: 'revoked', key };
      const keys = manager.getRepository(ApiKeyEntity);
      const others = await keys.findBy({ partnerId });
      const isLast = !others.some((other) => other.id !== id && !isOver(other) && isFull(other));
      if (isFull(key) && !isOver(key) && isLast) return { kind: 'last_full_key' };
      await keys.update({ id, partnerId }, { revokedAt: new Date() });
      return { kind: 'revoked', key: await keys.findOneByOrFail({ id, partnerId }) };
    });
  }

  async #insert(manager: EntityManager, partnerId: string, wish: NewKey) {
    const { key: secret, prefix, hash } = makeApiKey(this.options.testMode);
    const keys = manager.getRepository(ApiKeyEntity);
    // A retry after a lost answer: the key that nobody has seen ends, and this one takes its place under a new id.
    const unseen = await keys.findOneBy({ id: wish.id, partnerId });
    if (unseen !== null) await keys.update({ id: wish.id, partnerId }, { revokedAt: new Date() });
    const id = unseen === null ? wish.id : uuidv7();
    await keys.insert({ ...wish, id, partnerId, prefix, hash, scopes: [...wish.scopes] });
    return { key: await keys.findOneByOrFail({ id, partnerId }), secret };
  }
}

/** All keys of the partner come one after the other: two revocations at once would leave none. */
async function lock(manager: EntityManager, partnerId: string, id: string): Promise<ApiKeyEntity | null> {
  await manager.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`api-keys/${partnerId}`]);
  return manager.getRepository(ApiKeyEntity).findOneBy({ id, partnerId });
}

const isFull = (key: ApiKeyEntity): boolean => scopes.every((scope) => key.scopes.includes(scope));
const isOver = ({ revokedAt, expiresAt }: ApiKeyEntity): boolean =>
  revokedAt !== null || (expiresAt !== null && expiresAt.getTime() <= Date.now());
