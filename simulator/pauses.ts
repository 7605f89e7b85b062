import { EventEmitter, once } from 'node:events';
import { type FaultTarget, targetKey } from './faults.js';

/** Calls that are stopped until somebody lets them go on. One that nobody lets go ends with the simulator, without having gone on. */
export class Pauses {
  readonly #resumed = new EventEmitter().setMaxListeners(0);

  async stop(target: FaultTarget): Promise<void> {
    await once(this.#resumed, targetKey(target));
  }

  /** How many calls went on. */
  resume(target: FaultTarget): number {
    const key = targetKey(target);
    const stopped = this.#resumed.listenerCount(key);
    this.#resumed.emit(key);
    return stopped;
  }
}
