/**
 * What becomes of a history when a worker stands still during the first step of the ledger: the server gives the task out
 * again, the same worker is handed the new attempt while its step goes on, and ends the step in it. The workflow had decided
 * by the time of the first attempt; a replay knows the time of the second alone.
 */
interface Event {
  readonly eventId: string;
  readonly eventTime: string;
  readonly eventType: string;
  readonly [attributes: string]: unknown;
}

export interface History {
  readonly events: readonly Event[];
}

const scheduled = 'EVENT_TYPE_WORKFLOW_TASK_SCHEDULED';
const started = 'EVENT_TYPE_WORKFLOW_TASK_STARTED';

export function takenUpByAnotherAttempt({ events }: History, laterMs: number): History {
  const step = events.findIndex(({ eventType }) => eventType === 'EVENT_TYPE_MARKER_RECORDED');
  const at = events.slice(0, Math.max(step, 0)).findLastIndex(({ eventType }) => eventType === started);
  const [asked, began] = [events[at - 1], events[at]];
  if (asked?.eventType !== scheduled || began === undefined) throw new Error('there is no step of the ledger');
  const inserted = 3;
  const [askedId, beganId] = [Number(asked.eventId), Number(began.eventId)];
  const moved = renumbered((id) => (id >= askedId ? id + inserted : id));
  const timedOut = {
    ...{ eventId: String(beganId + 1), eventType: 'EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT', eventTime: began.eventTime },
    workflowTaskTimedOutEventAttributes: {
      ...{ scheduledEventId: asked.eventId, startedEventId: began.eventId, timeoutType: 'TIMEOUT_TYPE_START_TO_CLOSE' },
    },
  };
  const later = (event: Event): Event => ({
    ...moved(event),
    eventTime: new Date(Date.parse(event.eventTime) + laterMs).toISOString(),
  });
  return {
    events: [...events.slice(0, at + 1), timedOut, later(asked), later(began), ...events.slice(at + 1).map(later)],
  };
}

/** Ids of events, wherever an event names one. */
function renumbered(renumber: (id: number) => number) {
  const change = (value: unknown, name: string): unknown => {
    if (/eventId$/i.test(name) && typeof value === 'string') return String(renumber(Number(value)));
    if (Array.isArray(value)) return value.map((item) => change(item, name));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, change(inner, key)]));
  };
  return (event: Event): Event => change(event, '') as Event;
}
