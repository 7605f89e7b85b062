/**
 * Cursors of lists: where the next page begins, sealed with the key ring for one partner and one list, so that they can be
 * neither made nor changed nor carried elsewhere.
 */
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { KeyRing } from '../keyring.js';
import { invalidField, kindOf, queryInteger } from './validate.js';

/** Which list a cursor belongs to; its filters are part of that. */
export interface ListKey {
  readonly partnerId: string;
  readonly list: string;
  readonly filters?: object;
}

export const cursorText = z.string().min(1).max(1_000);
export const pageQuery = {
  after: cursorText.optional().meta({ description: 'The `next` of the page before; absent: the first page' }),
  limit: queryInteger(1, 200).default(50).meta({ description: 'At most so many items' }),
};

export const pageOf = <T extends z.ZodType>(item: T, id: string) =>
  z.object({ data: z.array(item), next: z.string().nullable() }).meta({ id });

@Injectable()
export class Cursors {
  constructor(private readonly keyRing: KeyRing) {}

  seal(key: ListKey, position: object): string {
    return this.keyRing.seal(JSON.stringify(position), purposeOf(key));
  }

  /** Throws Problem invalid_request for anything that we have not given for this list. */
  open<T>(key: ListKey, cursor: string, schema: z.ZodType<T>): T {
    try {
      return schema.parse(JSON.parse(this.keyRing.open(cursor, purposeOf(key))));
    } catch {
      // Whatever is wrong with it, it is not ours; to say more would help nobody but a forger.
      throw invalidField('after', 'is no cursor of this list with these filters', kindOf(cursor));
    }
  }

  /** A page of at most `limit`, where one more was read to see whether there is a next. */
  page<Item>(
    key: ListKey,
    limit: number,
    read: readonly Item[],
    positionOf: (last: Item) => object,
  ): { data: Item[]; next: string | null } {
    const data = read.slice(0, limit);
    const last = data.at(-1);
    return { data, next: read.length > limit && last !== undefined ? this.seal(key, positionOf(last)) : null };
  }
}

const purposeOf = ({ partnerId, list, filters }: ListKey): string =>
  `cursor/${partnerId}/${list}/${JSON.stringify(filters ?? {})}`;
