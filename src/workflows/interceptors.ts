/**
 * Carries the trace of whoever spoke to a workflow on to the activities that it orders: the header, as it came. No span is made in
 * here, no random number is drawn, nothing is awaited: a history is the same with and without it, and where no trace came, none goes.
 */
import type { Headers } from '@temporalio/common';
import type { WorkflowInterceptorsFactory } from '@temporalio/workflow';

/** As @temporalio/interceptors-opentelemetry names it, which writes it (client) and reads it (activity). */
const traceHeader = '_tracer-data';

export const interceptors: WorkflowInterceptorsFactory = () => {
  /** Of the last message: what a workflow does, it does because of that. */
  let latest: Headers[string] | undefined;
  const note = (headers: Headers): void => {
    latest = headers[traceHeader] ?? latest;
  };
  const carried = <T extends { readonly headers: Headers }>(input: T): T =>
    latest === undefined ? input : { ...input, headers: { ...input.headers, [traceHeader]: latest } };
  return {
    inbound: [
      {
        execute(input, next) {
          note(input.headers);
          return next(input);
        },
        handleSignal(input, next) {
          note(input.headers);
          return next(input);
        },
        handleUpdate(input, next) {
          note(input.headers);
          return next(input);
        },
      },
    ],
    outbound: [
      {
        scheduleActivity: (input, next) => next(carried(input)),
        scheduleLocalActivity: (input, next) => next(carried(input)),
      },
    ],
  };
};
