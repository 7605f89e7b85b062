/** The console's part of the API's module; absent where it is not configured. */
import type { Provider, Type } from '@nestjs/common';
import { Client } from '@temporalio/client';
import { EncryptingCodec } from '../../codec.js';
import type { ApiConfig } from '../../config.js';
import { createPool, Pool } from '../../database/pool.js';
import { OperatorActs } from '../../ledger/operatorActs.js';
import { Recovery } from '../../ledger/recovery.js';
import type { Log } from '../../log.js';
import { CodecController } from '../codec/codec.controller.js';
import { Acts } from './acts.js';
import { ConsoleGuard } from './consoleGuard.js';
import { ConsoleLoginController } from './consoleLogin.controller.js';
import { ConsoleOptions } from './consoleOptions.js';
import { ConsolePool, ConsoleReads } from './consoleReads.js';
import { Desk } from './desk.js';
import { OperatorSessions } from './operatorSessions.js';
import { OverviewController } from './overview.controller.js';
import { PaymentViewController } from './payments/payment.controller.js';
import { PaymentActionsController } from './payments/paymentActions.controller.js';
import { PaymentsListController } from './payments/payments.controller.js';
import { ReviewController } from './review.controller.js';

const consolePoolSize = 5;

export function consoleParts(
  config: ApiConfig,
  client: Client,
  log: Log,
): { controllers: Type[]; providers: Provider[] } {
  const { DATABASE_CONSOLE_URL: databaseUrl, OPERATOR_OIDC_ISSUER: issuer } = config;
  if (databaseUrl === undefined || issuer === undefined) return { controllers: [], providers: [] };
  const baseUrl = config.SURETY_BASE_URL.replace(/\/+$/, '');
  return {
    controllers: [
      // Nobody reaches it where no origin is configured (src/api/codec/codecBorder.ts).
      CodecController,
      ConsoleLoginController,
      OverviewController,
      ReviewController,
      PaymentsListController,
      PaymentViewController,
      PaymentActionsController,
    ],
    providers: [
      { provide: EncryptingCodec, useValue: new EncryptingCodec(config.SURETY_CODEC_KEYS) },
      { provide: ConsoleOptions, useValue: new ConsoleOptions(config, issuer, baseUrl) },
      { provide: ConsolePool, useValue: new ConsolePool(createPool(databaseUrl, consolePoolSize, log)) },
      { provide: Client, useValue: client },
      { provide: Recovery, useFactory: (pool: Pool) => new Recovery(pool), inject: [Pool] },
      { provide: OperatorActs, useFactory: (pool: Pool) => new OperatorActs(pool), inject: [Pool] },
      Acts,
      ConsoleGuard,
      ConsoleReads,
      Desk,
      OperatorSessions,
    ],
  };
}
