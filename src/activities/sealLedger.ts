/** Seals what has been written since the last run into the audit chain of each partner. */
import { Context } from '@temporalio/activity';
import type { Audit } from '../ledger/audit.js';
import { scheduledAt } from './clock.js';

/** What a run has sealed; `failed`: partners that are tried again by the next run. */
export interface Sealing {
  readonly blocks: number;
  readonly entries: number;
  readonly failed: number;
}

/** A block of so many takes a fraction of a second. */
const entriesABlock = 10_000;

export function createSealActivities(audit: Audit) {
  return {
    async sealLedger(): Promise<Sealing> {
      const at = scheduledAt();
      const count = { blocks: 0, entries: 0, failed: 0 };
      // A block each in turn: a partner's million of credits keeps no other's payments waiting.
      for (let left = await audit.partnersToSeal(); left.length > 0;) {
        const more: string[] = [];
        for (const partnerId of left) {
          if (await sealsFullBlock(partnerId, at, count)) more.push(partnerId);
          Context.current().heartbeat(count);
        }
        left = more;
      }
      if (count.blocks > 0) Context.current().log.info('sealed', { ...count });
      return count;
    },
  };

  /** @returns whether there may be more */
  async function sealsFullBlock(
    partnerId: string,
    at: number,
    count: { blocks: number; entries: number; failed: number },
  ): Promise<boolean> {
    try {
      const sealed = await audit.seal(partnerId, entriesABlock, at);
      switch (sealed.outcome) {
        case 'nothing':
        case 'busy':
          return false;
        case 'sealed':
          count.blocks += 1;
          count.entries += sealed.entries;
          return sealed.entries === entriesABlock;
      }
    } catch (error) {
      // One partner's trouble keeps no other's chain from growing.
      count.failed += 1;
      Context.current().log.warn('a chain could not be sealed', { partnerId, error });
      return false;
    }
  }
}
