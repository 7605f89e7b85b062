import { Context } from '@temporalio/activity';

/** Temporal's time of this activity: when the server scheduled it, in milliseconds since 1970. No worker's clock decides anything. */
export function scheduledAt(): number {
  return Context.current().info.currentAttemptScheduledTimestampMs;
}
