/**
 * Traces, by OTLP over HTTP: a request to the API, what it says to Temporal, the activities that this brings about, their SQL and
 * their calls to Invoicebox. Imported only where an address is set, before anything that it looks at; what is not traced pays nothing.
 *
 * Nothing of anybody is told: routes, not addresses; the names of SQL functions, not what they are given; of an error that it was one.
 */
import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { Resource } from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from '@opentelemetry/sdk-trace-base';
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { WorkflowClientInterceptor } from '@temporalio/client';
import {
  OpenTelemetryActivityInboundInterceptor,
  OpenTelemetryWorkflowClientInterceptor,
} from '@temporalio/interceptors-opentelemetry';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import type { NextFunction, Request, Response } from 'express';
import type { ObservedCall } from '../invoicebox/observe.js';
import { release } from '../release.js';
import { traceSql } from './sql.js';

const exportEveryMs = 1_000;

export interface Tracing {
  /** Of clients that speak to workflows. */
  readonly workflow: WorkflowClientInterceptor[];
  readonly activity: ActivityInterceptorsFactory;
  /** Before everything else that answers a request. */
  readonly request: (request: Request, response: Response, next: NextFunction) => void;
  /** Of a call that is over. */
  readonly invoicebox: (call: ObservedCall) => void;
  /** Sends what is left. */
  readonly end: () => Promise<void>;
}

/** @param endpoint of the collector, without a slash at its end: spans go to `<endpoint>/v1/traces` */
export function startTracing(service: 'surety-api' | 'surety-worker', endpoint: string): Tracing {
  const exporter = new OTLPTraceExporter({ url: `${endpoint}/v1/traces` });
  const provider = new NodeTracerProvider({
    resource: new Resource({ 'service.name': service, 'service.version': release }),
    spanProcessors: [new BatchSpanProcessor(wordless(exporter), { scheduledDelayMillis: exportEveryMs })],
  });
  provider.register();
  const tracer = provider.getTracer('surety');
  traceSql(tracer);
  return {
    workflow: [new OpenTelemetryWorkflowClientInterceptor()],
    activity: (activity) => ({ inbound: new OpenTelemetryActivityInboundInterceptor(activity) }),
    request(request, response, next) {
      // A trace of its own: whoever calls from outside does not decide what we record.
      const span = tracer.startSpan(request.method, { kind: SpanKind.SERVER, root: true });
      response.once('close', () => {
        const { path } = (request.route ?? {}) as { path?: unknown };
        if (typeof path === 'string') {
          span.updateName(`${request.method} ${path}`);
          span.setAttribute('http.route', path);
        }
        span.setAttributes({ 'http.request.method': request.method, 'http.response.status_code': response.statusCode });
        if (response.statusCode >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
        span.end();
      });
      context.with(trace.setSpan(context.active(), span), next);
    },
    invoicebox({ operation, statusClass, httpStatus, requestId, seconds }) {
      const span = tracer.startSpan(`Invoicebox ${operation}`, {
        kind: SpanKind.CLIENT,
        startTime: Date.now() - seconds * 1_000,
        attributes: {
          'invoicebox.operation': operation,
          'invoicebox.outcome': statusClass,
          ...(httpStatus === null ? {} : { 'http.response.status_code': httpStatus }),
          ...(requestId === null ? {} : { 'invoicebox.request_id': requestId }),
        },
      });
      span.end();
    },
    end: () => provider.shutdown(),
  };
}

/** An error's words may quote what it met; events carry them, and a status. */
function wordless(exporter: SpanExporter): SpanExporter {
  const bare = (span: ReadableSpan): ReadableSpan =>
    Object.create(span, { events: { value: [] }, status: { value: { code: span.status.code } } }) as ReadableSpan;
  return {
    export: (spans, done) => {
      exporter.export(spans.map(bare), done);
    },
    shutdown: () => exporter.shutdown(),
    forceFlush: () => exporter.forceFlush?.() ?? Promise.resolve(),
  };
}
