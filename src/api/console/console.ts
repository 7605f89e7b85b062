/** The console's part of the API's module; absent where it is not configured. */
import type { Provider, Type } from '@nestjs/common';
import { Client } from '@temporalio/client';
import { EncryptingCodec } from '../../codec.js';
import type { ApiConfig } from '../../config.js';
import { createPool, Pool } from '../../database/pool.js';
import { Adjustments } from '../../ledger/adjustments.js';
import { OperatorActs } from '../../ledger/operatorActs.js';
import { Pauses } from '../../ledger/pauses.js';
import { Recovery } from '../../ledger/recovery.js';
import type { Log } from '../../log.js';
import { CodecController } from '../codec/codec.controller.js';
import { WebhookStarts } from '../../webhookStarts.js';
import { Acts } from './acts.js';
import { ConsoleApprovalsController } from './approvals/approvals.controller.js';
import { ConsoleAuditController } from './audit/audit.controller.js';
import { ConsoleGuard } from './consoleGuard.js';
import { ConsoleLoginController } from './consoleLogin.controller.js';
import { ConsoleOptions } from './consoleOptions.js';
import { ConsolePool, ConsoleReads } from './consoleReads.js';
import { Desk } from './desk.js';
import { ConsoleFundController } from './fund/fund.controller.js';
import { ConsoleFundActionsController } from './fund/fundActions.controller.js';
import { ConsolePausesController } from './fund/pauses.controller.js';
import { ConsoleMembersController } from './members/members.controller.js';
import { OperatorSessions } from './operatorSessions.js';
import { OverviewController } from './overview.controller.js';
import { ConsoleReconciliationController } from './reconciliation/reconciliation.controller.js';
import { ConsoleReconciliationActionsController } from './reconciliation/reconciliationActions.controller.js';
import { ConsoleWebhooksController } from './webhooks/webhooks.controller.js';
import { PaymentViewController } from './payments/payment.controller.js';
import { PaymentActionsController } from './payments/paymentActions.controller.js';
import { PaymentsListController } from './payments/payments.controller.js';
import { ReviewController } from './review.controller.js';

const consolePoolSize = 5;

/** All that is below /console, and the codec server of who is logged in there. */
export const consoleControllers: readonly Type[] = [
  // Nobody reaches it where no origin is configured (src/api/codec/codecBorder.ts).
  CodecController,
  ConsoleLoginController,
  OverviewController,
  ConsoleFundController,
  ConsoleFundActionsController,
  ConsolePausesController,
  ConsoleReconciliationController,
  ConsoleReconciliationActionsController,
  ConsoleMembersController,
  ConsoleWebhooksController,
  ConsoleApprovalsController,
  ConsoleAuditController,
  ReviewController,
  PaymentsListController,
  PaymentViewController,
  PaymentActionsController,
];

export function consoleParts(
  config: ApiConfig,
  client: Client,
  log: Log,
): { controllers: Type[]; providers: Provider[] } {
  const { DATABASE_CONSOLE_URL: databaseUrl, OPERATOR_OIDC_ISSUER: issuer } = config;
  if (databaseUrl === undefined || issuer === undefined) return { controllers: [], providers: [] };
  const baseUrl = config.SURETY_BASE_URL;
  return {
    controllers: [...consoleControllers],
    providers: [
      { provide: EncryptingCodec, useValue: new EncryptingCodec(config.SURETY_CODEC_KEYS) },
      { provide: ConsoleOptions, useValue: new ConsoleOptions(config, issuer, baseUrl) },
      { provide: ConsolePool, useValue: new ConsolePool(createPool(databaseUrl, consolePoolSize, log)) },
      { provide: Client, useValue: client },
      { provide: Recovery, useFactory: (pool: Pool) => new Recovery(pool), inject: [Pool] },
      { provide: Pauses, useFactory: (pool: Pool) => new Pauses(pool), inject: [Pool] },
      { provide: OperatorActs, useFactory: (pool: Pool) => new OperatorActs(pool), inject: [Pool] },
      {
        provide: Adjustments,
        useFactory: (pool: Pool, starts: WebhookStarts) => new Adjustments(pool, starts.onDeliveries),
        inject: [Pool, WebhookStarts],
      },
      Acts,
      ConsoleGuard,
      ConsoleReads,
      Desk,
      OperatorSessions,
    ],
  };
}
