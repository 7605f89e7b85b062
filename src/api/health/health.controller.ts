import { Controller, Get, Res } from '@nestjs/common';
import { Connection } from '@temporalio/client';
import type { Response } from 'express';
import { readReadiness, type Readiness } from '../../health.js';
import { TemporalNamespace } from '../temporal.js';
import { Pool } from '../../database/pool.js';

/** Nobody has to be known to ask, and each look costs Postgres and Temporal something: one is for all who ask meanwhile. */
const lookIsGoodForMs = 500;

@Controller('health')
export class HealthController {
  #look: { readonly readiness: Promise<Readiness>; readonly untilMs: number } | null = null;

  constructor(
    private readonly pool: Pool,
    private readonly connection: Connection,
    private readonly namespace: TemporalNamespace,
  ) {}

  @Get('live')
  live() {
    return { live: true };
  }

  /** Invoicebox being down is no reason to take no traffic: it is not asked. */
  @Get('ready')
  async ready(@Res({ passthrough: true }) response: Response): Promise<Readiness> {
    const readiness = await this.#readiness();
    response.status(readiness.ready ? 200 : 503);
    return readiness;
  }

  #readiness(): Promise<Readiness> {
    if (this.#look === null || this.#look.untilMs <= performance.now()) {
      const readiness = readReadiness(this.pool, this.connection, this.namespace.name);
      this.#look = { readiness, untilMs: performance.now() + lookIsGoodForMs };
    }
    return this.#look.readiness;
  }
}
