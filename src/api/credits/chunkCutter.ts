/**
 * Cuts a body into chunks at the ends of its lines while it comes in, with no more than one chunk in memory. What it counts
 * is told in the report: a line's number is that of the file.
 */
import { longestLine } from '../../domain/creditLine.js';

export interface Chunk {
  readonly n: number;
  /** The number of its first line, from 1. */
  readonly firstLine: number;
  readonly lines: number;
  readonly bytes: Buffer;
}

const newline = 0x0a;
/** Of a line that is too long only so much is kept that it is seen to be. */
const keptOfLine = longestLine + 1;

export class ChunkCutter {
  /** Of the body so far. */
  lines = 0;
  #parts: Buffer[] = [];
  #size = 0;
  #linesOfChunk = 0;
  #n = 0;
  /** Of the line that is not at its end yet. */
  #lineLength = 0;

  constructor(
    private readonly mostBytes = 1_048_576,
    private readonly mostLines = 20_000,
  ) {}

  /** @returns the chunks that this piece completes */
  *push(piece: Buffer): Generator<Chunk> {
    let kept = 0;
    let from = 0;
    for (let end = piece.indexOf(newline); end !== -1; end = piece.indexOf(newline, from)) {
      this.#lineLength += end - from;
      const excess = Math.min(this.#lineLength - keptOfLine, end - from);
      if (excess > 0) {
        this.#keep(piece.subarray(kept, end - excess));
        kept = end;
      }
      this.#lineLength = 0;
      this.#linesOfChunk += 1;
      this.lines += 1;
      from = end + 1;
      if (this.#linesOfChunk === this.mostLines || this.#size + from - kept >= this.mostBytes) {
        this.#keep(piece.subarray(kept, from));
        kept = from;
        yield this.#take();
      }
    }
    this.#lineLength += piece.length - from;
    const excess = Math.min(Math.max(0, this.#lineLength - keptOfLine), piece.length - from);
    this.#keep(piece.subarray(kept, piece.length - excess));
  }

  /** @returns the last chunk, where the body does not end with the end of one */
  *end(): Generator<Chunk> {
    if (this.#lineLength > 0) {
      this.#linesOfChunk += 1;
      this.lines += 1;
    }
    if (this.#linesOfChunk > 0) yield this.#take();
  }

  #keep(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#size += part.length;
  }

  #take(): Chunk {
    const lines = this.#linesOfChunk;
    const chunk = {
      n: this.#n,
      firstLine: this.lines - lines + 1,
      lines,
      bytes: Buffer.concat(this.#parts, this.#size),
    };
    this.#n += 1;
    this.#parts = [];
    this.#size = 0;
    this.#linesOfChunk = 0;
    return chunk;
  }
}
