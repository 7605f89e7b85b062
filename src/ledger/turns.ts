/**
 * So many at a time of what needs the same rows locked; the others wait here. In Postgres each that waits holds a connection, and
 * the more of them there are, the later the next one has the row: two processes are woken for each that goes on.
 */
export class Turns {
  /** By key, while somebody has a place: how many do, and whoever comes after them. */
  readonly #of = new Map<string, { active: number; readonly waiting: (() => void)[] }>();

  /** @param longestMs a place is given on after this: whoever has it so long is lost, and with him his connection */
  constructor(
    private readonly atOnce: number,
    private readonly longestMs: number,
  ) {}

  /** First come, first served. */
  async take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const turn = this.#of.get(key) ?? { active: 0, waiting: [] };
    this.#of.set(key, turn);
    if (turn.active < this.atOnce) turn.active += 1;
    else await new Promise<void>((goOn) => turn.waiting.push(goOn));
    const leave = once(() => {
      const next = turn.waiting.shift();
      // The place goes over to the next one, and is never free in between.
      if (next !== undefined) next();
      else if (--turn.active === 0) this.#of.delete(key);
    });
    const lost = setTimeout(leave, this.longestMs);
    try {
      return await work();
    } finally {
      clearTimeout(lost);
      leave();
    }
  }
}

function once(act: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    isDone = true;
    act();
  };
}
