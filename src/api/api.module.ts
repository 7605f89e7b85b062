import { Module, type DynamicModule, type OnApplicationShutdown } from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import { ThrottlerModule } from '@nestjs/throttler';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Connection } from '@temporalio/client';
import type { ApiConfig } from '../config.js';
import { ApiKeyEntity } from '../database/entities/apiKey.js';
import { LoginTokenEntity } from '../database/entities/loginToken.js';
import { OperatorSessionEntity } from '../database/entities/operatorSession.js';
import { PaymentEntity } from '../database/entities/payment.js';
import { SessionEntity } from '../database/entities/session.js';
import { createPool, Pool, refuseUnrecovered, SteadyClient } from '../database/pool.js';
import { KeyRing } from '../keyring.js';
import { Approvals } from '../ledger/approvals.js';
import { Batches } from '../ledger/batches.js';
import { CreditImports } from '../ledger/creditImports.js';
import { Fund } from '../ledger/fund.js';
import { Ledger } from '../ledger/ledger.js';
import { Points } from '../ledger/points.js';
import { Reconciliations } from '../ledger/reconciliations.js';
import { Returns } from '../ledger/returns.js';
import { Statement } from '../ledger/statement.js';
import { Statements } from '../ledger/statements.js';
import { Webhooks } from '../ledger/webhooks.js';
import type { Log } from '../log.js';
import { temporalClient } from '../temporalClient.js';
import { AddressGuard } from '../webhooks/address.js';
import type { Tracing } from '../tracing/tracing.js';
import { WebhookStarts } from '../webhookStarts.js';
import { AddressRate, AddressRateGuard } from './addressRate.js';
import { ApprovalsController } from './approvals/approvals.controller.js';
import { LoginTokens } from './auth/loginTokens.js';
import { OpenId } from './auth/openId.js';
import { LoginTokensController } from './auth/loginTokens.controller.js';
import { BatchesController } from './batches/batches.controller.js';
import { BatchStarts } from './batches/batchStarts.js';
import { consoleParts } from './console/console.js';
import { CreditsController } from './credits/credits.controller.js';
import { ImportsController } from './credits/imports.controller.js';
import { ImportStarts } from './credits/importStarts.js';
import { ImportUploads } from './credits/importUploads.js';
import { Cursors } from './cursors.js';
import { ProblemsController } from './docs/problems.controller.js';
import { EventsController } from './events/events.controller.js';
import { ExportsController } from './exports/exports.controller.js';
import { FundChangesController } from './fund/changes.controller.js';
import { DifferencesController } from './fund/differences.controller.js';
import { FundController } from './fund/fund.controller.js';
import { ReconciliationsController } from './fund/reconciliations.controller.js';
import { ReconciliationStarts } from './fund/reconciliationStarts.js';
import { StatementController } from './fund/statement.controller.js';
import { StatementsController } from './fund/statements.controller.js';
import { StatementUploads } from './fund/statementUploads.js';
import { KeysController } from './keys/keys.controller.js';
import { Keys } from './keys/keys.js';
import { keyRate } from './keyRate.js';
import { MembersController } from './members/members.controller.js';
import { OutstandingController } from './programme/outstanding.controller.js';
import { ProgrammeController } from './programme/programme.controller.js';
import { BorderPipe } from './validate.js';
import { HealthController } from './health/health.controller.js';
import { Idempotency } from './idempotency.js';
import { Logins } from './pay/logins.js';
import { BrandingController } from './pay/branding.controller.js';
import { EntryController } from './pay/entry.controller.js';
import { PaymentGuard } from './pay/paymentGuard.js';
import { PayController } from './pay/payments.controller.js';
import { Visits } from './pay/visits.js';
import { PayOptions } from './pay/payOptions.js';
import { Programmes } from './pay/programmes.js';
import { Sessions } from './pay/sessions.js';
import { Payments } from './payments/payments.js';
import { PaymentsController } from './payments/payments.controller.js';
import { ReturnsController } from './payments/returns.controller.js';
import { ReturnStarts } from './payments/returnStarts.js';
import { Sagas } from './payments/sagas.js';
import { TemporalNamespace } from './temporal.js';
import { DeliveriesController } from './webhooks/deliveries.controller.js';
import { EndpointsController } from './webhooks/endpoints.controller.js';

@Module({})
export class ApiModule implements OnApplicationShutdown {
  constructor(
    private readonly pool: Pool,
    private readonly connection: Connection,
  ) {}

  /** @param tracing null: nothing is traced */
  static with(config: ApiConfig, log: Log, tracing: Pick<Tracing, 'workflow' | 'end'> | null): DynamicModule {
    const testMode = config.SURETY_TEST_MODE === '1';
    const baseUrl = config.SURETY_BASE_URL;
    // Lazy: the API starts, and reads go on, while Temporal is down.
    const connection = Connection.lazy({ address: config.TEMPORAL_ADDRESS });
    const client = temporalClient(connection, config, tracing?.workflow);
    const starts = new WebhookStarts(client, log);
    const openId = new OpenId(testMode);
    const console = consoleParts(config, client, log);
    return {
      module: ApiModule,
      imports: [
        ThrottlerModule.forRoot(keyRate(config.SURETY_KEY_REQUESTS_PER_SECOND)),
        TypeOrmModule.forRoot({
          type: 'postgres',
          url: config.DATABASE_URL,
          schema: 'surety',
          entities: [ApiKeyEntity, PaymentEntity, SessionEntity, LoginTokenEntity, OperatorSessionEntity],
          poolSize: config.DATABASE_POOL_SIZE,
          connectTimeoutMS: 5_000,
          // A connection that the server ends is replaced on next use.
          poolErrorHandler: (error: Error) => {
            log.warn({ error: error.message }, 'an idle connection to Postgres was lost');
          },
          extra: {
            options: '-c statement_timeout=10s -c idle_in_transaction_session_timeout=5s',
            application_name: 'surety',
            Client: SteadyClient,
            verify: refuseUnrecovered,
          },
        }),
      ],
      controllers: [
        PaymentsController,
        BatchesController,
        ReturnsController,
        LoginTokensController,
        MembersController,
        // Before the credits: theirs is any path below /v1/credits.
        ImportsController,
        CreditsController,
        ExportsController,
        ProgrammeController,
        OutstandingController,
        FundController,
        FundChangesController,
        StatementController,
        ApprovalsController,
        StatementsController,
        DifferencesController,
        ReconciliationsController,
        EventsController,
        EndpointsController,
        DeliveriesController,
        KeysController,
        ProblemsController,
        HealthController,
        EntryController,
        BrandingController,
        PayController,
        ...console.controllers,
      ],
      providers: [
        { provide: Pool, useValue: createPool(config.DATABASE_URL, config.DATABASE_POOL_SIZE, log) },
        { provide: Connection, useValue: connection },
        // What was traced last is sent before the process ends.
        { provide: 'tracing', useValue: { onApplicationShutdown: () => tracing?.end() } },
        { provide: TemporalNamespace, useValue: new TemporalNamespace(config.TEMPORAL_NAMESPACE) },
        { provide: KeyRing, useValue: new KeyRing(config.SURETY_KEYS) },
        { provide: Ledger, useFactory: (pool: Pool) => new Ledger(pool, starts.onDeliveries), inject: [Pool] },
        { provide: Points, useFactory: (pool: Pool) => new Points(pool, starts.onDeliveries), inject: [Pool] },
        { provide: Returns, useFactory: (pool: Pool) => new Returns(pool, starts.onDeliveries), inject: [Pool] },
        { provide: Fund, useFactory: (pool: Pool) => new Fund(pool, starts.onDeliveries), inject: [Pool] },
        { provide: Statement, useFactory: (pool: Pool) => new Statement(pool), inject: [Pool] },
        { provide: Approvals, useFactory: (pool: Pool) => new Approvals(pool, starts.onDeliveries), inject: [Pool] },
        { provide: Webhooks, useFactory: (pool: Pool) => new Webhooks(pool, starts.onDeliveries), inject: [Pool] },
        { provide: WebhookStarts, useValue: starts },
        { provide: AddressGuard, useValue: new AddressGuard(testMode) },
        {
          provide: CreditImports,
          useFactory: (pool: Pool) => new CreditImports(pool, starts.onDeliveries),
          inject: [Pool],
        },
        { provide: Batches, useFactory: (pool: Pool) => new Batches(pool, starts.onDeliveries), inject: [Pool] },
        { provide: BatchStarts, useValue: new BatchStarts(client) },
        { provide: Statements, useFactory: (pool: Pool) => new Statements(pool), inject: [Pool] },
        {
          provide: Reconciliations,
          useFactory: (pool: Pool) => new Reconciliations(pool, starts.onDeliveries),
          inject: [Pool],
        },
        { provide: ReconciliationStarts, useValue: new ReconciliationStarts(client) },
        { provide: ImportStarts, useValue: new ImportStarts(client) },
        { provide: ReturnStarts, useValue: new ReturnStarts(client) },
        { provide: Sagas, useValue: new Sagas(client, config.SURETY_ANSWER_WITHIN_MS) },
        { provide: OpenId, useValue: openId },
        { provide: Logins, useValue: new Logins(openId, baseUrl) },
        { provide: PayOptions, useValue: new PayOptions(new URL(baseUrl).origin, testMode) },
        { provide: AddressRate, useValue: new AddressRate(config.SURETY_ADDRESS_REQUESTS_PER_SECOND) },
        { provide: APP_PIPE, useClass: BorderPipe },
        AddressRateGuard,
        Cursors,
        Idempotency,
        ImportUploads,
        Keys,
        LoginTokens,
        Payments,
        Programmes,
        Sessions,
        StatementUploads,
        Visits,
        PaymentGuard,
        ...console.providers,
      ],
    };
  }

  async onApplicationShutdown(): Promise<void> {
    await this.pool.end();
    await this.connection.close();
  }
}
