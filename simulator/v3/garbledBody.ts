import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Response } from 'express';

/**
 * Bodies of a 200 that nobody can use. `truncated` ends before its Content-Length, `malformed` is a page instead of JSON,
 * `huge` is JSON of 2 MiB without a length, `empty` has not a byte.
 */
export const garbledBodies = ['truncated', 'malformed', 'huge', 'empty'] as const;
export type GarbledBody = (typeof garbledBodies)[number];

const HUGE_CHUNKS = 32;
const HUGE_CHUNK = 'x'.repeat(65_536);

/** Resolves once the body has been handed over, or the client has gone. */
export async function sendGarbled(response: Response, body: GarbledBody): Promise<void> {
  response.status(200).type('json');
  switch (body) {
    case 'truncated': {
      // Remembered: a response that has ended has no socket any more.
      const { socket } = response;
      response.set('Content-Length', '1000').end('{"data":{"partnerOperationId":"', () => socket?.destroy());
      return;
    }
    case 'malformed':
      response.type('html').end('<!doctype html><title>Technical works</title><h1>Please come back later</h1>');
      return;
    case 'huge':
      await pipeline(Readable.from(hugeJson()), response).catch((error: unknown) => {
        // Whoever has read enough hangs up.
        if (!response.destroyed) throw error;
      });
      return;
    case 'empty':
      response.end();
      return;
  }
}

function* hugeJson(): Generator<string> {
  yield '{"data":{"filler":"';
  for (let chunk = 0; chunk < HUGE_CHUNKS; chunk += 1) yield HUGE_CHUNK;
  yield '"}}';
}
