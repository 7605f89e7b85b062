/**
 * Waiting, in Temporal's time. What `Date.now()` says before a local activity is not to be branched on: a task that is given
 * to a worker once more while its local activity goes on (a heartbeat, a time-out of a worker that stood still) is replayed
 * with the time of its last start. After the activity, and in tasks without one, it is the same in every replay.
 */
import { allHandlersFinished, CancellationScope, condition, isCancellation, sleep } from '@temporalio/workflow';

/** Waits for what only a message can bring. */
export const untilMessage = (arrived: () => boolean): Promise<void> => condition(arrived);

/**
 * Wakes the workflow at a time (milliseconds since 1970). Never cancelled when it is no longer needed: that would cost
 * an event, and a workflow that completes takes its timers along.
 */
export function wakeAt(time: number): void {
  sleep(Math.max(1, time - Date.now())).catch((error: unknown) => {
    if (!isCancellation(error)) throw error;
  });
}

/** Before every return: whoever still waits for an answer gets it, also when the workflow was cancelled. */
export function drainHandlers(): Promise<void> {
  return CancellationScope.nonCancellable(() => condition(allHandlersFinished));
}
