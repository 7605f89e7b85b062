/** One line an event, JSON on stdout; secrets and personal data are cut out even where somebody logs them. */
import { pino, type Logger } from 'pino';

const neverLogged = [
  'authorization', 'cookie', 'set-cookie', 'token', 'secret', 'password', 'phone', 'email', 'vatNumber', 'externalId',
  'description', 'name', 'refusalMessage', 'key',
]; // prettier-ignore

export type Log = Logger;

export function createLog(service: string, level: string): Log {
  return pino({
    level,
    base: { service },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: neverLogged.flatMap((field) => [`["${field}"]`, `*["${field}"]`, `*.*["${field}"]`]),
      censor: '[cut]',
    },
  });
}
