import {
  closeSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  statSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { type BookEvent, bookEvent } from './events.js';

/** Longest line the journal takes: an invoice with every field full stays far below it. */
const MAX_LINE_BYTES = 1_100_000;

export interface Journal {
  /** Returns once the line has been handed to the operating system: it survives our being killed, not a power cut. */
  append(event: BookEvent): void;
  close(): void;
}

/** Books that nobody wants to keep. */
export const forgetfulJournal: Journal = {
  append: () => undefined,
  close: () => undefined,
};

/** Opens (or creates) the JSON-lines file and hands every event it holds to `replay`, in order. */
export async function openJournal(path: string, replay: (event: BookEvent) => void): Promise<Journal> {
  mkdirSync(dirname(path), { recursive: true });
  if (existsSync(path)) await replayFile(path, replay);
  const file = openSync(path, 'a');
  return {
    append(event) {
      const line = Buffer.from(`${JSON.stringify(event)}\n`);
      if (line.length > MAX_LINE_BYTES) throw new Error(`An event of ${line.length} bytes is too long for the journal`);
      let written = 0;
      while (written < line.length) written += writeSync(file, line, written);
    },
    close: () => {
      closeSync(file);
    },
  };
}

async function replayFile(path: string, replay: (event: BookEvent) => void): Promise<void> {
  const size = statSync(path).size;
  let completeBytes = 0;
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) {
    number += 1;
    const lineEnd = completeBytes + Buffer.byteLength(line) + 1;
    // Killed in the middle of a write: nothing was answered for a line without its end, so it never happened.
    if (lineEnd > size) break;
    completeBytes = lineEnd;
    replay(readEvent(path, number, line));
  }
  if (completeBytes < size) truncateSync(path, completeBytes);
}

function readEvent(path: string, number: number, line: string): BookEvent {
  try {
    return bookEvent.parse(JSON.parse(line));
  } catch (cause) {
    throw new Error(`${path}:${number} is not an event of the journal; move the file away to start anew`, { cause });
  }
}
