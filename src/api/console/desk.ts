/** What every view of the console needs: to show a page, to know whose books are open, and to stop with words. */
import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { ComponentChildren } from 'preact';
import { z } from 'zod';
import { Acts } from './acts.js';
import { ConsoleGuard } from './consoleGuard.js';
import { ConsoleOptions } from './consoleOptions.js';
import { ConsoleReads, type PageReads } from './consoleReads.js';
import { ConsoleStop } from './consoleStop.js';
import { doneWords } from './doneWords.js';
import { renderConsole, type Frame } from './frame.js';
import type { Operator } from './operator.js';
import { formTokenOf, type ConsoleRequest } from './operatorSessions.js';

const partnerRow = z.object({ id: z.uuid(), slug: z.string(), name: z.string(), timeZone: z.string() });
export type ConsolePartner = z.infer<typeof partnerRow>;

/** What forms on a page carry, and whether they may be sent: a login may be too old for them. */
export interface FormContext {
  readonly csrf: string;
  readonly isFresh: boolean;
  /** Where a new login leads back to. */
  readonly here: string;
}

@Injectable()
export class Desk {
  constructor(
    readonly reads: ConsoleReads,
    readonly options: ConsoleOptions,
    private readonly guard: ConsoleGuard,
    private readonly acts: Acts,
  ) {}

  /** Sends a page. `?done=` of its address says what was done before it was opened (doneWords.ts). */
  show(
    request: Request,
    response: Response,
    frame: Pick<Frame, 'view' | 'title' | 'path' | 'live'>,
    content: ComponentChildren,
    status = 200,
  ): void {
    const { operatorSession: session } = request as ConsoleRequest;
    const done = request.query['done'];
    const html = renderConsole(
      {
        ...frame,
        operator: session.operator,
        csrf: formTokenOf(session),
        testMode: this.options.testMode,
        done: typeof done === 'string' ? (doneWords[done] ?? null) : null,
      },
      content,
    );
    response.status(status).set('Cache-Control', 'no-store').type('html').send(html);
  }

  formsOf(request: Request): FormContext {
    const { operatorSession: session } = request as ConsoleRequest;
    return {
      csrf: formTokenOf(session),
      isFresh: this.guard.isFresh(session.operator),
      here: request.originalUrl.replace(/([?&])done=[^&]*&?/, '$1').replace(/[?&]$/, ''),
    };
  }

  /** All partners that this operator sees, by name. */
  partners(reads: PageReads): Promise<ConsolePartner[]> {
    return reads.rows(
      partnerRow,
      `SELECT id, slug, name, coalesce(settings ->> 'timeZone', 'Europe/Moscow') AS "timeZone" FROM partner ORDER BY name, id LIMIT 1000`,
    );
  }

  /**
   * The partner that the address names by `?partner=<slug>`.
   * @returns null where it names none: all of this operator's
   */
  async partnerOf(request: Request, reads: PageReads): Promise<ConsolePartner | null> {
    const slug = request.query['partner'];
    return slug === undefined || slug === '' ? null : this.#partnerNamed(request, reads, slug);
  }

  /** The partner of whom a form tells by his slug. */
  partnerFor(operator: Operator, request: Request, slug: string): Promise<ConsolePartner> {
    return this.reads.for(operator, (reads) => this.#partnerNamed(request, reads, slug));
  }

  async #partnerNamed(request: Request, reads: PageReads, slug: unknown): Promise<ConsolePartner> {
    const found = (await this.partners(reads)).find((partner) => partner.slug === slug);
    if (found !== undefined) return found;
    await this.#refuse(request, `partner ${typeof slug === 'string' ? slug : ''}`);
    throw new ConsoleStop('other_partner');
  }

  /** For a row that was not seen: nothing there, or another partner's, which the audit log tells. */
  async notSeen(request: Request, table: Parameters<ConsoleReads['partnerOf']>[0], id: string): Promise<never> {
    if ((await this.reads.partnerOf(table, id)) === null) throw new ConsoleStop('not_found');
    await this.#refuse(request, id);
    throw new ConsoleStop('other_partner');
  }

  async #refuse(request: Request, subject: string): Promise<void> {
    await this.acts.write(request, { action: 'console.partner', outcome: 'refused', subject });
  }
}
