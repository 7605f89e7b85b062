/**
 * `npm run openapi`: writes docs/openapi.json and docs/events from the code, and the client's types. With `--check` it writes
 * nothing and fails where they have drifted: part of `npm run check`.
 */
import 'reflect-metadata';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NestFactory } from '@nestjs/core';
import openapiTypescript, { astToString } from 'openapi-typescript';
import { pino } from 'pino';
import { format, resolveConfig } from 'prettier';
import { ApiModule } from '../src/api/api.module.js';
import { eventTypes, jsonSchemaOf } from '../src/api/events/eventSchemas.js';
import { openApiOf } from '../src/api/openapi.js';
import { readApiConfig } from '../src/config.js';
import { repository } from './stack.js';

const config = readApiConfig({
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  SURETY_KEYS: `none:${Buffer.alloc(32).toString('base64')}`,
  SURETY_BASE_URL: 'http://127.0.0.1:1',
});

// Preview: the controllers are looked at, nothing is connected to.
const app = await NestFactory.create(ApiModule.with(config, pino({ level: 'silent' })), {
  preview: true,
  logger: false,
});
const document = openApiOf(app);
// What has a default may be left out of a request; answers have none.
const types = await openapiTypescript(JSON.stringify(document), { defaultNonNullable: false });
const style = { ...(await resolveConfig(join(repository, 'docs/openapi.json'))), parser: 'json' };
const json = (value: unknown): Promise<string> => format(JSON.stringify(value), style);
const files = new Map([
  ['docs/openapi.json', await json(document)],
  [
    'packages/client/src/schema.ts',
    `/** Made from docs/openapi.json by \`npm run openapi\`. */\n${astToString(types)}`,
  ],
]);
const events = Object.fromEntries(eventTypes.map((type) => [type, jsonSchemaOf(type)]));
files.set('packages/client/src/events.ts', await typesOfEvents(events));
for (const type of eventTypes) {
  files.set(`docs/events/${type}.json`, await json(jsonSchemaOf(type)));
}
const drifted: string[] = [];
for (const [name, content] of files) {
  const path = join(repository, name);
  if (!process.argv.includes('--check')) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  } else if ((await readFile(path, 'utf8').catch(() => '')) !== content) drifted.push(name);
}
if (drifted.length > 0) {
  process.stderr.write(`Not what the code says: ${drifted.join(', ')}. Run: npm run openapi\n`);
}
// Said outright: what Nest leaves behind in a preview ends the process with 0.
process.exit(drifted.length > 0 ? 1 : 0);

/** The client's types of events, from the same schemas. */
async function typesOfEvents(schemas: Record<string, object>): Promise<string> {
  const info = { title: 'Events', version: '1' };
  const nodes = await openapiTypescript(JSON.stringify({ openapi: '3.1.0', info, paths: {}, components: { schemas } }));
  return `/** Made from docs/events by \`npm run openapi\`. */\n${astToString(nodes)}`;
}
// Said here: what this process has loaded besides answers 0 for it otherwise.
process.exit();
