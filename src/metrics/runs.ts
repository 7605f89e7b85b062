import type { ActivityInterceptorsFactory } from '@temporalio/worker';

/** Tells of each activity of a worker that has come to its end, by its name. */
export const runsObserved =
  (onEnd: (activity: string) => void): ActivityInterceptorsFactory =>
  ({ info }) => ({
    inbound: {
      async execute(input, next) {
        const answer: unknown = await next(input);
        onEnd(info.activityType);
        return answer;
      },
    },
  });
