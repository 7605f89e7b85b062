/**
 * A statement that comes with a form: its fields stand before the file, and the file is read from the request as it comes in,
 * no faster than it is stored. Without fields that name the session nothing of the file is read (ConsoleGuard).
 */
import { pipeline } from 'node:stream';
import type { Readable } from 'node:stream';
import busboy from 'busboy';
import type { Request, RequestHandler } from 'express';

const limits = { fields: 10, fieldNameSize: 50, fieldSize: 500, files: 1, parts: 12 };
const files = new WeakMap<Request, Readable>();

/** The file of a form that was read so far; null where there is none. */
export const statementFileOf = (request: Request): Readable | null => files.get(request) ?? null;

/** For the one route that takes a file: to be used before its guard, which reads the form's fields. */
export const readStatementForm: RequestHandler = (request, response, next) => {
  if (request.method !== 'POST' || request.is('multipart/form-data') === false) {
    next();
    return;
  }
  const fields: Record<string, string> = {};
  let isTold = false;
  const goOn = (error?: Error): void => {
    if (isTold) return;
    isTold = true;
    request.body = fields;
    next(error);
  };
  let form: busboy.Busboy;
  try {
    form = busboy({ headers: request.headers, limits, defParamCharset: 'utf8' });
  } catch {
    // No form after all: without fields it is nobody's.
    goOn();
    return;
  }
  form.on('field', (name, value) => {
    fields[name] = value;
  });
  form.on('file', (name, file) => {
    // What goes wrong with it is heard by whoever reads it.
    file.on('error', () => undefined);
    // Answered before it was read: the rest is read and dropped, so that the sender hears the answer.
    response.once('finish', () => file.resume());
    if (name === 'file') files.set(request, file);
    else file.resume();
    goOn();
  });
  pipeline(request, form, (error) => {
    goOn(error ?? undefined);
  });
};
