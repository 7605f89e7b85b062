/** What a call of each endpoint takes and answers, read off the generated types (schema.ts). */
import type { paths } from './schema.js';

type Method = 'get' | 'post' | 'patch' | 'put' | 'delete';

/** The paths that have this method. */
export type PathsOf<M extends Method> = {
  [Path in keyof paths]: paths[Path] extends Record<M, object> ? Path : never;
}[keyof paths];

export type OperationOf<Path extends keyof paths, M extends Method> = paths[Path] extends Record<M, infer Operation>
  ? Operation
  : never; // prettier-ignore

type Parameters<Operation> = Operation extends { parameters: infer Given } ? Given : never;

type PathOption<Operation> = Parameters<Operation> extends { path: infer Path } ? { path: Path } : unknown;

type QueryOption<Operation> =
  Parameters<Operation> extends { query: infer Query }
    ? { query: Query }
    : Parameters<Operation> extends { query?: infer Query }
      ? { query?: NonNullable<Query> }
      : unknown;

type ContentOf<Operation> = Operation extends { requestBody: { content: infer Content } } ? Content : never;

/** JSON as it is described; other types as they go over the wire. */
type BodyOption<Operation> = [ContentOf<Operation>] extends [never]
  ? unknown
  : ContentOf<Operation> extends { 'application/json': infer Json }
    ? { body: Json }
    : { body: string | Uint8Array<ArrayBuffer> | Blob; contentType: keyof ContentOf<Operation> & string };

export interface Calling {
  /**
   * Of what changes something: absent, a new UUID. Give your own where the wish outlives this process: written down before
   * the call, the same key again after a crash cannot take effect twice.
   */
  readonly idempotencyKey?: string;
  /** Ends waiting and repeating. What was sent may still take effect. */
  readonly signal?: AbortSignal;
  /** How long one attempt of this call may take, in milliseconds. Absent: the client's `timeoutMs`, or `uploadTimeoutMs` where a file is sent. */
  readonly timeoutMs?: number;
}

export type CallOf<Operation> = Calling & PathOption<Operation> & QueryOption<Operation> & BodyOption<Operation>;

/** The call's argument may be left out where nothing in it is needed. */
export type Given<Call> = Calling extends Call ? [call?: Call] : [call: Call];

type Responses<Operation> = Operation extends { responses: infer Answers } ? Answers : never;

type Success<Answers> = Answers extends object ? Answers[keyof Answers & (200 | 201 | 202 | 204)] : never;

/** The body of whichever 2xx comes; undefined where there is none. */
export type AnswerOf<Operation> =
  Success<Responses<Operation>> extends infer Answer
    ? Answer extends { content: { 'application/json': infer Json } }
      ? Json
      : Answer extends { content?: never }
        ? undefined
        : never
    : never;

/** The paths whose answer is a stream of lines. */
export type StreamPaths = {
  [Path in PathsOf<'get'>]: [AnswerOf<OperationOf<Path, 'get'>>] extends [never] ? Path : never;
}[PathsOf<'get'>];

/** The paths whose answer is a page with the cursor of the one after it; not the feed of events, which has no last one. */
export type ListPaths = {
  [Path in PathsOf<'get'>]: AnswerOf<OperationOf<Path, 'get'>> extends { data: unknown[]; next: infer Next }
    ? null extends Next
      ? Path
      : never
    : never;
}[PathsOf<'get'>];

export type ItemOf<Path extends ListPaths> =
  AnswerOf<OperationOf<Path, 'get'>> extends { data: (infer Item)[] } ? Item : never;
