/**
 * An endpoint of /v1, said once: who may call it, what it answers, which problems it may have. Guards, validation and the
 * OpenAPI document all read this.
 */
import {
  applyDecorators,
  Controller,
  createParamDecorator,
  HttpCode,
  SetMetadata,
  UseGuards,
  type ExecutionContext,
} from '@nestjs/common';
import {
  ApiBearerAuth,
  ApiBody,
  ApiConsumes,
  ApiExtension,
  ApiHeader,
  ApiOperation,
  ApiResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { Request } from 'express';
import { z } from 'zod';
import { ApiKeyGuard, type Scope } from './auth/apiKeys.js';
import { Problem, problems, type ProblemCode } from './problem.js';
import { JsonBodyGuard } from './jsonBody.js';
import { KeyRateGuard } from './keyRate.js';
import { UnreadGuard } from './unread.js';
import { validate } from './validate.js';

/** What the handler streams itself, or answers as a stream. */
export interface Media {
  readonly media: readonly string[];
  readonly description: string;
  /** What `application/json` among them holds. */
  readonly json?: z.ZodType;
}

interface EndpointDescription {
  /** Several: one of them, which one is the subject's to say. `every`: only a key that has all scopes. */
  readonly scope: Scope | readonly Scope[] | 'every';
  readonly summary: string;
  readonly description?: string;
  /** By status; the least one is what is sent where the handler says no other. `null`: no body. */
  readonly answers: Readonly<Record<number, z.ZodType | Media | null>>;
  /** Beyond those that every endpoint may have. */
  readonly problems?: readonly ProblemCode[];
  /** Changes something, and does so once a key. */
  readonly idempotent?: boolean;
  /** A body in JSON, by its schema at `@Body`; or one that the handler streams; absent: none is read. */
  readonly body?: 'json' | Media;
}

const everywhere: readonly ProblemCode[] = [
  'malformed_request',
  'unauthorized',
  'forbidden',
  'invalid_request',
  'too_many_requests',
  'headers_too_large',
  'internal',
  'unavailable',
];

export const problemSchema = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]]),
    detail: z.string().optional(),
    requestId: z.string().optional(),
    fields: z
      .array(z.object({ field: z.string(), problem: z.string(), given: z.string() }))
      .optional()
      .meta({ description: 'Of invalid_request' }),
  })
  .meta({ description: 'RFC 9457' });

export const ApiController = (path: string, tag: string) =>
  applyDecorators(
    Controller(path),
    UseGuards(ApiKeyGuard, KeyRateGuard, JsonBodyGuard, UnreadGuard),
    ApiTags(tag),
    ApiBearerAuth(),
  );

export function Endpoint(endpoint: EndpointDescription): MethodDecorator {
  const { scope, summary, description, answers, body } = endpoint;
  const named = typeof scope === 'string' ? [scope] : scope;
  const codes = [
    ...everywhere,
    ...(endpoint.problems ?? []),
    ...(endpoint.idempotent === true
      ? (['idempotency_key_required', 'idempotency_in_flight', 'idempotency_other_body'] as const)
      : []),
    ...(body === undefined ? [] : (['malformed_json', 'body_too_large', 'unsupported_media_type'] as const)),
  ];
  return applyDecorators(
    SetMetadata('scope', scope),
    SetMetadata('body', body ?? null),
    HttpCode(Math.min(...Object.keys(answers).map(Number))),
    ApiOperation({
      summary,
      description: [
        description,
        scope === 'every'
          ? 'Needs a key with every scope.'
          : `Needs the scope ${named.map((one) => `\`${one}\``).join(' or ')}.`,
      ]
        .filter((part) => part !== undefined)
        .join('\n\n'),
    }),
    // For tools, and for the tests that take each endpoint with a key that lacks it.
    ApiExtension('x-scope', named.join(' or ')),
    ...Object.entries(answers).map(([status, answer]) => answered(Number(status), answer)),
    ...problemAnswers(codes),
    ...(endpoint.idempotent === true ? [idempotencyHeader] : []),
    ...(body === undefined || body === 'json' ? [] : [streamedBody(body)]),
  );
}

const isMedia = (answer: z.ZodType | Media): answer is Media => 'media' in answer;

function answered(status: number, answer: z.ZodType | Media | null) {
  if (answer === null) return ApiResponse({ status, description: 'Done' });
  if (isMedia(answer)) {
    const { media, description, json } = answer;
    const schemaOf = (type: string) =>
      type === 'application/json' && json !== undefined ? openApiSchema(json) : { type: 'string' };
    const content = Object.fromEntries(media.map((type) => [type, { schema: schemaOf(type) }]));
    return ApiResponse({ status, description, content });
  }
  return ApiResponse({ status, description: 'As it is now', standardSchema: answer });
}

const openApiSchema = (schema: z.ZodType): object => z.toJSONSchema(schema, { target: 'openapi-3.0', io: 'output' });

function problemAnswers(codes: readonly ProblemCode[]) {
  const statuses = [...new Set(codes.map((code) => problems[code].status))].sort();
  return statuses.map((status) => {
    const ofStatus = [...new Set(codes)].filter((code) => problems[code].status === status);
    return ApiResponse({
      status,
      description: ofStatus.map((code) => `\`${code}\`: ${problems[code].title}`).join('; '),
      content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
    });
  });
}

const idempotencyHeader = ApiHeader({
  name: 'Idempotency-Key',
  required: true,
  description: 'Your own, new for each wish, the same for each repetition of it: it takes effect once',
  schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]{1,255}$' },
});

function streamedBody({ media, description }: Media) {
  return applyDecorators(ApiBody({ description, schema: { type: 'string' }, required: true }), ApiConsumes(...media));
}

const keySchema = z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters');

/** The header Idempotency-Key, checked. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string => {
  const key = context.switchToHttp().getRequest<Request>().get('idempotency-key');
  if (key === undefined || key === '') {
    throw new Problem('idempotency_key_required', 'Nothing was done.');
  }
  return validate(z.object({ 'Idempotency-Key': keySchema }), { 'Idempotency-Key': key }, 'The header')[
    'Idempotency-Key'
  ];
});
