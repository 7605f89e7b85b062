/**
 * The body of a request to /v1: JSON in UTF-8, read strictly. What two readers could understand differently is refused by
 * the field's name instead of guessed: a key that stands twice, a number that is not written with digits alone, text that
 * the database could not keep as it is. Bodies of other media types are left unread for the endpoints that stream them.
 */
import type { IncomingMessage } from 'node:http';
import { HttpException, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { raw, type Request, type RequestHandler, type Response } from 'express';
import { visit, type JSONPath } from 'jsonc-parser';
import { Problem } from './problem.js';
import { invalidFields, type InvalidField } from './validate.js';

const limit = '64kb';
/** Of the one body that names a hundred thousand invoices. */
const batchLimit = '5mb';
// What the body parser hands over is Express's request, whose `url` lacks where this is mounted.
const isBatch = (request: IncomingMessage): boolean =>
  request.method === 'POST' &&
  'originalUrl' in request &&
  /^\/v1\/payment-batches\/?(\?|$)/i.test(String(request.originalUrl));
const deepest = 16;
const mostFieldsTold = 20;
const mediaType = 'application/json';

const isJson = (contentType: string | undefined): boolean =>
  contentType?.split(';')[0]?.trim().toLowerCase() === mediaType;

const isUtf8 = (contentType: string | undefined): boolean => {
  const charset = /;\s*charset\s*=\s*"?([^\s;"]+)/i.exec(contentType ?? '')?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset);
};

const readers: readonly RequestHandler[] = [
  raw({ limit: batchLimit, type: (request) => isBatch(request) && isJson(request.headers['content-type']) }),
  raw({ limit, type: (request) => !isBatch(request) && isJson(request.headers['content-type']) }),
];

/**
 * Reads the body of whoever was let in; of nobody else a byte is kept or parsed. Leaves `request.body` undefined where there
 * is none, or one of another type.
 */
@Injectable()
export class JsonBodyGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    for (const reader of readers) await readBody(reader, request, http.getResponse<Response>());
    const bytes: unknown = request.body;
    request.body = undefined;
    // Clients that send nothing say `Content-Length: 0`, often with a type.
    if (!(bytes instanceof Buffer) || bytes.length === 0) return true;
    if (!isUtf8(request.headers['content-type'])) throw new Problem('unsupported_media_type', 'Only UTF-8 is read.');
    request.body = parseJson(textOf(bytes));
    return true;
  }
}

/** By a parser of Express's. Throws HttpException with the status that the parser gives to what it refuses. */
export const readBody = (reader: RequestHandler, request: Request, response: Response): Promise<void> =>
  new Promise((resolve, reject) => {
    void reader(request, response, (error?: Error | string) => {
      if (error === undefined) resolve();
      else reject(refused(error));
    });
  });

function refused(error: Error | string): Error {
  if (!(error instanceof Error)) return new Error(error);
  return 'status' in error && typeof error.status === 'number' ? new HttpException(error.message, error.status) : error;
}

function textOf(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    // TextDecoder says no more than that.
    throw new Problem('malformed_json', 'The body is not UTF-8; nothing was changed.');
  }
}

/** Throws Problem: malformed_json, or invalid_request with the fields. */
function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Its message quotes the body, which may be personal.
    throw new Problem('malformed_json', 'Nothing was changed.');
  }
  const invalid = ambiguities(text);
  if (invalid.length > 0) throw invalidFields('The body', invalid);
  return value;
}

/** What is wrong with the text of a JSON value although it can be parsed. */
function ambiguities(text: string): InvalidField[] {
  const found: InvalidField[] = [];
  const keysOfOpenObjects: Set<string>[] = [];
  let depth = 0;
  const note = (path: JSONPath, problem: string, given: string) => {
    if (found.length < mostFieldsTold) found.push({ field: path.join('.').slice(0, 200) || '(whole)', problem, given });
  };
  const enter = () => {
    depth += 1;
    if (depth > deepest) throw invalidFields('The body', [tooDeep]);
  };
  const leave = () => void (depth -= 1);
  visit(
    text,
    {
      onObjectBegin: () => {
        enter();
        keysOfOpenObjects.push(new Set());
      },
      onObjectEnd: () => {
        leave();
        keysOfOpenObjects.pop();
      },
      onArrayBegin: enter,
      onArrayEnd: leave,
      onObjectProperty: (name, _offset, _length, _line, _column, path) => {
        // Not a field for some readers, but the object's prototype.
        if (name === '__proto__') note([...path(), name], 'is not allowed', 'a key');
        if (!isStorable(name)) {
          note(path(), 'has a key with characters that are not allowed', 'an object');
          return;
        }
        const keys = keysOfOpenObjects.at(-1);
        if (keys?.has(name) === true) note([...path(), name], 'stands twice', 'two values');
        keys?.add(name);
      },
      onLiteralValue: (value: unknown, offset, length, _line, _column, path) => {
        if (typeof value === 'string' && !isStorable(value))
          note(path(), 'must be well-formed text without NUL', 'text');
        const given = typeof value === 'number' ? oddNumber(text.slice(offset, offset + length)) : null;
        if (given !== null) note(path(), 'must be a whole number written with digits alone', given);
      },
    },
    { disallowComments: true },
  );
  return found;
}

const tooDeep = { field: '(whole)', problem: `must not be nested deeper than ${deepest}`, given: 'a deeper one' };

/** Postgres keeps neither NUL nor half of a surrogate pair. */
const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');

/** What kind of number it is, where it is not a plain whole one. */
function oddNumber(source: string): string | null {
  if (/[eE]/.test(source)) return 'a number with an exponent';
  if (source.includes('.')) return 'a number with a fraction';
  if (source === '-0') return 'minus zero';
  return Number.isSafeInteger(Number(source)) ? null : 'a number past 2^53';
}
