/** A span for each statement that is sent within a trace, by whichever pool: named by its function, without what it is given. */
import { AsyncResource } from 'node:async_hooks';
import { context, SpanKind, SpanStatusCode, trace, type Span, type Tracer } from '@opentelemetry/api';
import pg from 'pg';

type Done = (error: Error | null | undefined, ...rest: unknown[]) => void;
type Send = (this: unknown, ...args: unknown[]) => unknown;

/** For the rest of the process: the driver tells nobody of what it does, so its own methods are wrapped. */
export function traceSql(tracer: Tracer): void {
  wrap(
    pg.Client.prototype,
    'query',
    (send) =>
      function query(this: unknown, ...args: unknown[]) {
        if (trace.getSpan(context.active()) === undefined) return send.apply(this, args);
        const span = tracer.startSpan(`SQL ${nameOf(args[0])}`, {
          kind: SpanKind.CLIENT,
          attributes: { 'db.system.name': 'postgresql', 'db.operation.name': nameOf(args[0]) },
        });
        const last = args.at(-1);
        if (typeof last === 'function') {
          const done: Done = (error, ...rest) => {
            end(span, error === undefined || error === null);
            (last as Done)(error, ...rest);
          };
          return send.apply(this, [...args.slice(0, -1), done]);
        }
        const sent = send.apply(this, args);
        if (sent instanceof Promise) {
          sent.then(
            () => {
              end(span, true);
            },
            () => {
              end(span, false);
            },
          );
        } else {
          // A cursor or a stream: it is read elsewhere, for as long as it takes.
          end(span, true);
        }
        return sent;
      },
  );
  // Who waits for a connection is woken by whoever gives one back, in that one's trace.
  wrap(
    pg.Pool.prototype,
    'connect',
    (send) =>
      function connect(this: unknown, ...args: unknown[]) {
        const [done] = args;
        return send.apply(this, typeof done === 'function' ? [AsyncResource.bind(done as Done)] : args);
      },
  );
}

function wrap(prototype: object, method: string, by: (send: Send) => Send): void {
  Object.defineProperty(prototype, method, {
    configurable: true,
    writable: true,
    value: by((prototype as Readonly<Record<string, Send>>)[method] as Send),
  });
}

function end(span: Span, isWell: boolean): void {
  if (!isWell) span.setStatus({ code: SpanStatusCode.ERROR });
  span.end();
}

/** The name that it is prepared by, which is its function's; else its first word. */
function nameOf(statement: unknown): string {
  if (typeof statement === 'string') return firstWord(statement);
  if (typeof statement !== 'object' || statement === null) return 'statement';
  if ('name' in statement && typeof statement.name === 'string' && statement.name !== '') return statement.name;
  return 'text' in statement && typeof statement.text === 'string' ? firstWord(statement.text) : 'statement';
}

const firstWord = (text: string): string => /^\s*([a-z]+)/i.exec(text)?.[1]?.toUpperCase() ?? 'statement';
