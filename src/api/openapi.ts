/** The OpenAPI document of /v1, from the endpoints' own descriptions (endpoint.ts) and the schemas that check them. */
import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule, type OpenAPIObject } from '@nestjs/swagger';
import { z } from 'zod';
import { problemSchema } from './endpoint.js';

const description = `Payments of Invoicebox's invoices with points or from the guarantee fund.
Amounts are integer minor units, points whole numbers, times ISO 8601, ids UUIDs.
Every error is problem+json with a \`code\`, and [each code has a page](/docs/problems).`;

type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

export function openApiOf(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('Surety')
    .setDescription(description)
    .setVersion('1')
    .addBearerAuth({ type: 'http', scheme: 'bearer', description: 'An API key, `sk_live_…` or `sk_test_…`' })
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  const problem = z.toJSONSchema(problemSchema, { target: 'openapi-3.0', io: 'output' });
  return {
    ...document,
    paths: Object.fromEntries(Object.entries(document.paths).filter(([path]) => path.startsWith('/v1/'))),
    components: {
      ...document.components,
      schemas: { ...document.components?.schemas, Problem: JSON.parse(JSON.stringify(problem)) as Schema },
    },
  };
}

/** The document to read and try, at /docs; made when somebody asks for it first. */
export function serveDocumentation(app: INestApplication): void {
  const once: { document?: OpenAPIObject } = {};
  SwaggerModule.setup('docs', app, () => (once.document ??= openApiOf(app)), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
    customSiteTitle: 'Surety: API',
    // Nothing of it leaves this address.
    swaggerOptions: { validatorUrl: null, persistAuthorization: false, defaultModelsExpandDepth: 0 },
    // Its bar has room for a choice of documents, of which there is one.
    customCss: '.swagger-ui .topbar { display: none }',
  });
}
