/** `/v1/credits/imports`: credits by the file, a lot a line. The body is streamed; what becomes of its lines is read here. */
import { Get, Param, Post, Query, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { z } from 'zod';
import {
  CreditImports,
  importFormats,
  importStates,
  type CreditImport,
  type ImportFormat,
} from '../../ledger/creditImports.js';
import { send } from '../answer.js';
import { CallerOf, type Caller } from '../auth/apiKeys.js';
import { Cursors, pageOf, pageQuery } from '../cursors.js';
import { ApiController, Endpoint, IdempotencyKey } from '../endpoint.js';
import { wishHash } from '../idempotency.js';
import { Problem } from '../problem.js';
import { refuseEncoded } from '../uploads.js';
import { utc, utcOrNull } from '../utc.js';
import { anyUuid, instant, queryFlag } from '../validate.js';
import { ImportStarts } from './importStarts.js';
import { ImportUploads } from './importUploads.js';

const mediaTypes: Readonly<Record<ImportFormat, string>> = { ndjson: 'application/x-ndjson', csv: 'text/csv' };

const importSchema = z
  .object({
    id: z.uuid(),
    state: z.enum(importStates),
    format: z.enum(importFormats),
    dryRun: z.boolean(),
    totalBytes: z.int(),
    totalLines: z.int().meta({ description: 'Of the file, blank ones and the header included' }),
    linesDone: z.int().meta({ description: 'Of those; all of them when the import has finished' }),
    creditedLines: z.int().meta({ description: 'In a dry run: that would be credited' }),
    creditedPoints: z.int(),
    alreadyCreditedLines: z.int().meta({ description: 'Whose reference had credited the same before' }),
    rejectedLines: z.int(),
    membersCreated: z.int(),
    failure: z.string().nullable().meta({ description: 'Why nothing of the file could be read; nothing was credited' }),
    createdAt: instant,
    startedAt: instant.nullable(),
    finishedAt: instant.nullable(),
  })
  .meta({ id: 'CreditImport' });

const rejectionSchema = z
  .object({
    line: z.int().meta({ description: 'Of the file, from 1' }),
    reason: z.string(),
    field: z.string().nullable(),
  })
  .meta({ id: 'RejectedLine' });

const postQuery = z.strictObject({
  format: z.enum(importFormats).optional().meta({ description: 'Absent: by the Content-Type' }),
  dryRun: queryFlag.default(false).meta({ description: 'Judges every line and credits none' }),
});
const listQuery = z.strictObject(pageQuery);
const idPosition = z.object({ id: z.uuid() });
const linePosition = z.object({ line: z.int() });

@ApiController('v1/credits/imports', 'Points')
export class ImportsController {
  constructor(
    private readonly imports: CreditImports,
    private readonly uploads: ImportUploads,
    private readonly starts: ImportStarts,
    private readonly cursors: Cursors,
  ) {}

  @Post()
  @Endpoint({
    scope: 'points:write',
    summary: 'Credit a file of lines',
    description: [
      'NDJSON, or CSV with a header, in UTF-8: `memberExternalId`, `points`, `expiresOn` (may be absent), `reference`.',
      'A line is credited once by its reference; those that are not are told by number and reason.',
      'After a cut connection the whole file is sent again with the same key.',
    ].join('\n'),
    idempotent: true,
    body: { media: Object.values(mediaTypes), description: 'At most 256 MiB, 2,000,000 lines, 4 KiB a line' },
    answers: { 202: importSchema, 200: importSchema },
  })
  async make(
    @CallerOf() { partnerId, keyId }: Caller,
    @IdempotencyKey() key: string,
    @Query({ schema: postQuery }) query: z.infer<typeof postQuery>,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ) {
    const format = formatOf(request, query.format);
    const { importId, replayed } = await this.uploads.receive(
      {
        partnerId,
        keyHash: wishHash({ actorId: keyId, route: 'POST /v1/credits/imports', key }),
        format,
        dryRun: query.dryRun,
        actor: { kind: 'api_key', id: keyId },
      },
      request,
    );
    const body = await this.#tell(partnerId, importId);
    if (body.state === 'running') await this.starts.start({ partnerId, importId });
    return send(response, {
      status: body.state === 'running' ? 202 : 200,
      body,
      headers: {
        Location: `/v1/credits/imports/${importId}`,
        ...(replayed ? { 'Idempotency-Replayed': 'true' } : {}),
      },
    });
  }

  @Get()
  @Endpoint({
    scope: 'points:read',
    summary: 'List imports, newest first',
    answers: { 200: pageOf(importSchema, 'CreditImportPage') },
  })
  async list(
    @CallerOf() { partnerId }: Caller,
    @Query({ schema: listQuery }) { after, limit }: z.infer<typeof listQuery>,
  ) {
    const key = { partnerId, list: 'credit-imports' };
    const before = after === undefined ? null : this.cursors.open(key, after, idPosition).id;
    const read = (await this.imports.list(partnerId, before, limit + 1)).map(inUtc);
    return this.cursors.page(key, limit, read, ({ id }) => ({ id }));
  }

  @Get(':id')
  @Endpoint({
    scope: 'points:read',
    summary: 'Read how far an import is',
    answers: { 200: importSchema },
    problems: ['not_found'],
  })
  read(@CallerOf() { partnerId }: Caller, @Param('id', { schema: anyUuid }) id: string) {
    return this.#tell(partnerId, id);
  }

  @Get(':id/rejections')
  @Endpoint({
    scope: 'points:read',
    summary: 'List the lines that were not credited, by number',
    description: 'Number, reason and field; never what stands in the line. The first 100,000 are kept.',
    answers: { 200: pageOf(rejectionSchema, 'RejectedLinePage') },
    problems: ['not_found'],
  })
  async rejections(
    @CallerOf() { partnerId }: Caller,
    @Param('id', { schema: anyUuid }) id: string,
    @Query({ schema: listQuery }) { after, limit }: z.infer<typeof listQuery>,
  ) {
    await this.#tell(partnerId, id);
    const key = { partnerId, list: 'rejected-lines', filters: { id } };
    const from = after === undefined ? 0 : this.cursors.open(key, after, linePosition).line;
    const read = await this.imports.rejections(partnerId, id, from, limit + 1);
    return this.cursors.page(key, limit, read, ({ line }) => ({ line }));
  }

  async #tell(partnerId: string, importId: string): Promise<CreditImport> {
    const told = await this.imports.get(partnerId, importId);
    if (told === null) throw new Problem('not_found');
    return inUtc(told);
  }
}

const inUtc = (told: CreditImport): CreditImport => ({
  ...told,
  createdAt: utc(told.createdAt),
  startedAt: utcOrNull(told.startedAt),
  finishedAt: utcOrNull(told.finishedAt),
});

function formatOf(request: Request, asked: ImportFormat | undefined): ImportFormat {
  refuseEncoded(request);
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  // Read as one JSON value by then: nothing is left to stream.
  const said =
    type === 'application/json' ? undefined : (asked ?? importFormats.find((format) => mediaTypes[format] === type));
  if (said === undefined) {
    throw new Problem('unsupported_media_type', 'Send application/x-ndjson or text/csv; nothing was read.');
  }
  return said;
}
