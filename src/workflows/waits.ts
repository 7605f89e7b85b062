/** Waiting, in Temporal's time. */
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
