import type { LoggerService } from '@nestjs/common';
import type { Log } from '../log.js';

/** Nest's own lines go where all others go. */
export class NestLog implements LoggerService {
  constructor(private readonly to: Log) {}

  log(message: unknown): void {
    this.to.debug(fieldsOf(message), textOf(message));
  }

  warn(message: unknown): void {
    this.to.warn(fieldsOf(message), textOf(message));
  }

  error(message: unknown): void {
    this.to.error(fieldsOf(message), textOf(message));
  }
}

const fieldsOf = (message: unknown): object => (typeof message === 'object' && message !== null ? message : {});
const textOf = (message: unknown): string => (typeof message === 'string' ? message : '');
