/**
 * How many deliveries to one endpoint a worker makes at once: few at first, more while it answers, one by one when it does
 * not. So a slow endpoint takes neither slots nor time from the others, and a quick one is not held back. Some places are kept
 * for what is urgent: a flood of expired points fills all but those.
 */
const atFirst = 4;
const atMost = 32;
/** Of an endpoint that answers, so many a place may wait for their turn, for so long; the rest come back later. */
const waitersAPlace = 4;
const waitMs = 1_000;
const mostKept = 10_000;

/** Of so many places one is kept. */
const oneKeptOf = 4;

interface Waiter {
  readonly isUrgent: boolean;
  readonly admit: (admitted: boolean) => void;
  readonly timer: NodeJS.Timeout;
}

interface Lane {
  limit: number;
  active: number;
  readonly waiting: Waiter[];
}

/** Why there is no place: `busy` with others, and answering; or `unresponsive`, so that one at a time is tried. */
export type NoPlace = 'busy' | 'unresponsive';

/** Gives the place back, and says whether the endpoint answered. */
export type Leave = (answered: boolean) => void;

export class Lanes {
  readonly #lanes = new Map<string, Lane>();

  /** Waits a moment for a place where the endpoint answers. */
  async enter(endpointId: string, isUrgent: boolean): Promise<Leave | NoPlace> {
    const lane = this.#laneOf(endpointId);
    if (lane.active < placesFor(lane, isUrgent)) lane.active += 1;
    else if (lane.limit === 1) return 'unresponsive';
    else if (!(await isAdmitted(lane, isUrgent))) return lane.limit === 1 ? 'unresponsive' : 'busy';
    return leaver(lane);
  }

  /** Only at once, and only to an endpoint that has not failed to answer lately. */
  enterAtOnce(endpointId: string, isUrgent: boolean): Leave | NoPlace {
    const lane = this.#laneOf(endpointId);
    if (lane.limit === 1) return 'unresponsive';
    if (lane.active >= placesFor(lane, isUrgent)) return 'busy';
    lane.active += 1;
    return leaver(lane);
  }

  #laneOf(endpointId: string): Lane {
    const kept = this.#lanes.get(endpointId);
    if (kept !== undefined) return kept;
    if (this.#lanes.size >= mostKept) {
      for (const [id, lane] of this.#lanes) if (lane.active === 0) this.#lanes.delete(id);
    }
    const lane = { limit: atFirst, active: 0, waiting: [] };
    this.#lanes.set(endpointId, lane);
    return lane;
  }
}

const placesFor = (lane: Lane, isUrgent: boolean): number =>
  isUrgent ? lane.limit : lane.limit - Math.floor(lane.limit / oneKeptOf);

/** Waits for a place, which whoever leaves takes over for it. The urgent wait apart: no number of others keeps them out. */
function isAdmitted(lane: Lane, isUrgent: boolean): Promise<boolean> {
  const alike = lane.waiting.filter((waiter) => waiter.isUrgent === isUrgent).length;
  if (alike >= lane.limit * waitersAPlace) return Promise.resolve(false);
  return new Promise((admit) => {
    const timer = setTimeout(() => {
      const place = lane.waiting.findIndex((waiter) => waiter.timer === timer);
      if (place >= 0) lane.waiting.splice(place, 1);
      admit(false);
    }, waitMs);
    lane.waiting.push({ isUrgent, admit, timer });
  });
}

function leaver(lane: Lane): Leave {
  return (answered) => {
    lane.active -= 1;
    lane.limit = answered ? Math.max(Math.min(lane.limit * 2, atMost), atFirst) : 1;
    for (;;) {
      const isUrgent = lane.waiting.some((waiter) => waiter.isUrgent);
      const place = lane.waiting.findIndex((waiter) => waiter.isUrgent === isUrgent);
      if (lane.active >= placesFor(lane, isUrgent)) break;
      const [next] = place === -1 ? [] : lane.waiting.splice(place, 1);
      if (next === undefined) break;
      clearTimeout(next.timer);
      lane.active += 1;
      next.admit(true);
    }
  };
}
