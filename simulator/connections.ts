import type { RequestHandler } from 'express';
import { z } from 'zod';

const MAX_KEEP_ALIVE_MS = 600_000;

const connectionSettings = z.strictObject({
  /** How long an idle connection is kept: a few milliseconds close it just as its client uses it again. null: node decides. */
  keepAliveMs: z.int().min(1).max(MAX_KEEP_ALIVE_MS).nullable(),
  /** Every connection is destroyed on arrival of a call, without a byte; the call reaches neither log nor faults. */
  down: z.boolean(),
});
type ConnectionSettings = z.infer<typeof connectionSettings>;

/** What is absent stays as it is. */
export const connectionChanges = connectionSettings.partial();

/** Trouble with the connections that bring calls of the API, whatever is asked; control's are left alone. */
export class Connections {
  #settings: ConnectionSettings = { keepAliveMs: null, down: false };

  change(changes: z.infer<typeof connectionChanges>): ConnectionSettings {
    this.#settings = { ...this.#settings, ...changes };
    return this.#settings;
  }

  /** Every call of the API comes through here first. */
  readonly meet: RequestHandler = ({ socket }, response, next) => {
    const { keepAliveMs, down } = this.#settings;
    if (down) {
      socket.destroy();
      return;
    }
    if (keepAliveMs !== null && response.shouldKeepAlive) {
      // Set by us, the header comes without node's "Keep-Alive: timeout=…", which clients obey: they would never be surprised.
      response.set('Connection', 'keep-alive');
      // Not server.keepAliveTimeout: node adds a second to that. Node has set its own by now, and resets ours at the next call.
      response.once('finish', () => socket.setTimeout(keepAliveMs));
    }
    next();
  };
}
