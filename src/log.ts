/** One line an event, JSON on stdout; secrets and personal data are cut out even where somebody logs them. */
import { pino, type DestinationStream, type Logger } from 'pino';

/** What is under one of these names is never told, however deep, however it is written: `vatNumber`, `vat_number`, `VAT-Number`. */
const neverLogged = new Set([
  'authorization', 'cookie', 'setcookie', 'token', 'secret', 'password', 'phone', 'email', 'vatnumber', 'inn', 'externalid',
  'memberexternalid', 'description', 'name', 'refusalmessage', 'key', 'apikey', 'csrf', 'idtoken', 'accesstoken', 'body',
]); // prettier-ignore

/** What a text may have quoted that nobody meant to tell: bearers and keys, addresses, phones. */
const neverSaid =
  /Bearer\s+[\w.~+/=-]+|\b(?:sk_(?:live|test)_|whsec_)[\w+/=-]+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\+\d[\d ()-]{8,18}\d|(?<![\w.:/+-])[78]\d{10}(?![\w.-])/g;

/** The ids that a line is found by are written the same everywhere. */
const written: Readonly<Record<string, string>> = {
  paymentId: 'payment_id',
  workflowId: 'workflow_id',
  requestId: 'request_id',
  invoiceboxRequestId: 'invoicebox_request_id',
};

const cut = '[cut]';
const deepest = 8;
const paymentWorkflow = /^payment-([0-9a-f-]{36})$/;

export type Log = Logger;

/** @param to absent: stdout */
export function createLog(service: string, level: string, to: DestinationStream = pino.destination(1)): Log {
  return pino(
    {
      level,
      base: { service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { log: line },
      hooks: {
        logMethod(args, method) {
          method.apply(this, args.map((arg: unknown) => (typeof arg === 'string' ? said(arg) : arg)) as typeof args);
        },
      },
    },
    to,
  );
}

function line(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const told = Object.fromEntries(
    Object.entries(ofObject(fields, deepest)).map(([name, value]) => [written[name] ?? name, value]),
  );
  const payment = typeof told['workflow_id'] === 'string' ? paymentWorkflow.exec(told['workflow_id'])?.[1] : undefined;
  if (payment !== undefined) told['payment_id'] ??= payment;
  return told;
}

function ofObject(fields: object, depth: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      neverLogged.has(name.toLowerCase().replace(/[-_]/g, '')) ? cut : toldOf(value, depth - 1),
    ]),
  );
}

function toldOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return said(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth <= 0) return cut;
  // What else an error carries is somebody's data: the row that broke a constraint, the request that failed.
  if (value instanceof Error)
    return { type: value.constructor.name, code: codeOf(value), stack: said(value.stack ?? value.message) };
  if (Array.isArray(value)) return value.map((one) => toldOf(one, depth - 1));
  if (value instanceof Date) return value;
  return ofObject(value, depth);
}

const codeOf = (error: Error): string | undefined =>
  'code' in error && (typeof error.code === 'string' || typeof error.code === 'number')
    ? String(error.code)
    : undefined;

const said = (text: string): string => text.replace(neverSaid, cut);
