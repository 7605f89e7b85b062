import { Controller, Get, Res } from '@nestjs/common';
import { Connection } from '@temporalio/client';
import type { Response } from 'express';
import { readReadiness, type Readiness } from '../../health.js';
import { TemporalNamespace } from '../temporal.js';
import { Pool } from '../../database/pool.js';

@Controller('health')
export class HealthController {
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
    const readiness = await readReadiness(this.pool, this.connection, this.namespace.name);
    response.status(readiness.ready ? 200 : 503);
    return readiness;
  }
}
