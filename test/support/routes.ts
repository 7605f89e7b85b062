/** Every address of the pages, as their controllers say it of themselves, so that a test over all of them finds a new one. */
import { RequestMethod, type Type } from '@nestjs/common';
import { consoleControllers } from '../../src/api/console/console.js';
import { BrandingController } from '../../src/api/pay/branding.controller.js';
import { EntryController } from '../../src/api/pay/entry.controller.js';
import { PayController } from '../../src/api/pay/payments.controller.js';

/** `GET /console/payments/:id` */
export const consoleRoutes: readonly string[] = consoleControllers.flatMap(routesOf);
/** `POST /pay/:slug/payments/:id/confirm` */
export const buyerRoutes: readonly string[] = [BrandingController, EntryController, PayController].flatMap(routesOf);

/** As Nest has it of a controller. */
function routesOf(controller: Type): string[] {
  const base = String(Reflect.getMetadata('path', controller));
  const { prototype } = controller as { prototype: object };
  return Object.getOwnPropertyNames(prototype).flatMap((name) => {
    const handler: unknown = Object.getOwnPropertyDescriptor(prototype, name)?.value;
    if (typeof handler !== 'function' || name === 'constructor') return [];
    const path: unknown = Reflect.getMetadata('path', handler);
    if (path === undefined) return [];
    const method = RequestMethod[Number(Reflect.getMetadata('method', handler))] ?? '';
    const paths = (Array.isArray(path) ? path : [path]) as readonly string[];
    return paths.map((one) => `${method} /${base}/${one}`.replaceAll(/\/+/g, '/').replace(/\/$/, ''));
  });
}
