import type { Adapter, AdapterPayload } from 'oidc-provider';

interface Entry {
  model: string;
  payload: AdapterPayload;
  expiresAtMs: number;
}

const limit = 20_000;

/** The provider's sessions, interactions, codes and tokens: in memory, the oldest forgotten past the limit. */
export class MemoryStore {
  readonly #entries = new Map<string, Entry>();

  adapter = (model: string): Adapter => {
    const key = (id: string): string => `${model}:${id}`;
    const first = (matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined => {
      for (const entry of this.#entries.values()) {
        if (entry.model === model && matches(entry.payload) && isAlive(entry)) return entry.payload;
      }
      return undefined;
    };
    return {
      upsert: (id, payload, expiresInSeconds) => {
        this.#keep(key(id), {
          model,
          payload,
          expiresAtMs: expiresInSeconds === undefined ? Infinity : Date.now() + expiresInSeconds * 1000,
        });
        return Promise.resolve();
      },
      find: (id) => {
        const entry = this.#entries.get(key(id));
        return Promise.resolve(entry && isAlive(entry) ? entry.payload : undefined);
      },
      findByUid: (uid) => Promise.resolve(first((payload) => payload.uid === uid)),
      findByUserCode: (userCode) => Promise.resolve(first((payload) => payload.userCode === userCode)),
      consume: (id) => {
        const entry = this.#entries.get(key(id));
        if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
        return Promise.resolve();
      },
      destroy: (id) => {
        this.#entries.delete(key(id));
        return Promise.resolve();
      },
      revokeByGrantId: (grantId) => {
        for (const [entryKey, entry] of this.#entries) {
          if (entry.payload.grantId === grantId) this.#entries.delete(entryKey);
        }
        return Promise.resolve();
      },
    };
  };

  #keep(key: string, entry: Entry): void {
    // Deleted first: a map keeps the order of insertion, so the first entry is the one unused for longest.
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const [oldestKey, oldest] of this.#entries) {
      if (this.#entries.size <= limit && isAlive(oldest)) break;
      this.#entries.delete(oldestKey);
    }
  }
}

function isAlive(entry: Entry): boolean {
  return entry.expiresAtMs > Date.now();
}
