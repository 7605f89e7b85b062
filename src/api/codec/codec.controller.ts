/**
 * The codec server that the Temporal UI asks (docs/keys.md): payloads as the server keeps them go in, readable ones come out.
 * For operators of every partner alone: a payload does not say whose it is, so that it cannot be kept from one who may see
 * some partners only. Each request is in the log of what operators do before anything is shown.
 */
import { Controller, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { Response } from 'express';
import { z } from 'zod';
import type { Payload } from '@temporalio/common';
import { EncryptingCodec } from '../../codec.js';
import { Acts } from '../console/acts.js';
import { hasRole } from '../console/operator.js';
import { readBody } from '../jsonBody.js';
import { readPayloads } from './codecBorder.js';
import { OperatorSessions, sessionCookie, type ConsoleRequest } from '../console/operatorSessions.js';

const mostPayloads = 5_000;
const base64 = z.base64();
/** Protobuf's JSON of Payloads; what else stands there is not ours to read. */
const payloadsBody = z.object({
  payloads: z
    .array(z.object({ metadata: z.record(z.string().max(200), base64).default({}), data: base64.default('') }))
    .max(mostPayloads),
});

@Controller('codec')
export class CodecController {
  constructor(
    private readonly codec: EncryptingCodec,
    private readonly sessions: OperatorSessions,
    private readonly acts: Acts,
  ) {}

  @Post('decode')
  @HttpCode(200)
  async decode(@Req() request: ConsoleRequest, @Res() response: Response): Promise<void> {
    const cookies = request.cookies as Readonly<Record<string, unknown>>;
    const session = await this.sessions.find(cookies[sessionCookie]);
    if (session === null) {
      response.status(401).json({ message: 'Log in to the console in this browser, then load this page again.' });
      return;
    }
    request.operatorSession = session;
    const { operator } = session;
    if (!hasRole(operator, 'viewer') || operator.partners !== '*') {
      await this.#note(request, 'refused', 0);
      response.status(403).json({ message: 'Histories do not say whose they are: only who sees every partner may.' });
      return;
    }
    await readBody(readPayloads, request, response);
    const body = payloadsBody.safeParse(readJson(request.body));
    if (!body.success) {
      response.status(400).json({ message: z.prettifyError(body.error) });
      return;
    }
    const payloads = body.data.payloads.map(({ metadata, data }) => ({
      metadata: Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name, bytesOf(value)])),
      data: bytesOf(data),
    }));
    await this.#note(request, 'done', payloads.length);
    const opened = await this.#open(payloads);
    if (opened === null) response.status(422).json({ message: 'Something here was not encrypted with our keys.' });
    else response.json({ payloads: opened.map(jsonOf) });
  }

  /** @returns null where a key is missing, or something was tampered with */
  async #open(payloads: Payload[]): Promise<Payload[] | null> {
    try {
      return await this.codec.decode(payloads);
    } catch {
      // The cipher says no more than that, and the ring would name keys.
      return null;
    }
  }

  async #note(request: ConsoleRequest, outcome: string, payloads: number): Promise<void> {
    const namespace = request.headers['x-namespace'];
    await this.acts.write(request, {
      action: 'codec.decode',
      outcome,
      subjectKind: 'namespace',
      subject: typeof namespace === 'string' ? namespace : '',
      detail: { payloads },
    });
  }
}

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');

const jsonOf = ({ metadata, data }: Payload) => ({
  metadata: Object.fromEntries(
    Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')]),
  ),
  data: Buffer.from(data ?? []).toString('base64'),
});

/** @returns undefined for what is no JSON */
function readJson(body: unknown): unknown {
  if (!(body instanceof Buffer)) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // Refused like any other body that is not of the shape.
    return undefined;
  }
}
