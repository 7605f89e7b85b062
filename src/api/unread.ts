/** Refuses by name what an endpoint would leave unread: a query or a body where it has none, a body of a type that it does not read. */
import 'reflect-metadata';
import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants.js';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum.js';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { Problem } from './problem.js';
import { invalidFields, kindOf } from './validate.js';

const mostFieldsTold = 20;

@Injectable()
export class UnreadGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    // What the endpoint says of itself (endpoint.ts): null where it reads no body.
    const body = this.reflector.get<unknown>('body', context.getHandler());
    if ((body === 'json' || body === null) && request.body === undefined && hasBody(request)) {
      throw new Problem('unsupported_media_type', 'The body was not read; nothing was changed.');
    }
    if (body === null && request.body !== undefined) refuseAll('The body', request.body);
    if (!readsQuery(context)) refuseAll('The query', request.query);
    return true;
  }
}

const hasBody = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;

/** Nothing to read is no harm: clients send `{}` by habit. */
function refuseAll(where: string, given: unknown): void {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given);
  const fields = isObject ? Object.entries(given) : [['(whole)', given] as const];
  if (fields.length === 0) return;
  throw invalidFields(
    where,
    fields
      .slice(0, mostFieldsTold)
      .map(([name, value]) => ({ field: name.slice(0, 200), problem: 'is not read here', given: kindOf(value) })),
  );
}

/** Whether a parameter of the handler is `@Query()`: Nest keeps them as `<kind>:<index>`. */
function readsQuery(context: ExecutionContext): boolean {
  const parameters: unknown = Reflect.getMetadata(ROUTE_ARGS_METADATA, context.getClass(), context.getHandler().name);
  return Object.keys(parameters ?? {}).some((key) => key.startsWith(`${RouteParamtypes.QUERY}:`));
}
