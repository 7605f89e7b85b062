/** One-time tokens: a partner's backend has logged its member in already, and sends him here with one of these. */
import { createHash, randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { DataSource, IsNull, LessThan, MoreThan } from 'typeorm';
import { LoginTokenEntity } from '../../database/entities/loginToken.js';
import { withPartner } from '../../database/withPartner.js';

const validForMs = 10 * 60_000;
const keptForMs = 24 * 3_600_000;
const hashOf = (token: string): Buffer => createHash('sha256').update(token).digest();

@Injectable()
export class LoginTokens {
  constructor(private readonly dataSource: DataSource) {}

  /** @returns the token, which is shown this once */
  async make(partnerId: string, memberId: string): Promise<{ token: string; expiresAt: Date }> {
    const token = randomBytes(32).toString('base64url');
    const expiresAt = new Date(Date.now() + validForMs);
    await withPartner(this.dataSource, partnerId, async (manager) => {
      const tokens = manager.getRepository(LoginTokenEntity);
      await tokens.insert({ hash: hashOf(token), partnerId, memberId, expiresAt });
      // What is over by a day is needed by nobody.
      await tokens.delete({ partnerId, expiresAt: LessThan(new Date(Date.now() - keptForMs)) });
    });
    return { token, expiresAt };
  }

  /** Spends it. @returns its member, or null where it is unknown, spent or over */
  spend(partnerId: string, token: unknown): Promise<string | null> {
    if (typeof token !== 'string' || token.length > 200) return Promise.resolve(null);
    return withPartner(this.dataSource, partnerId, async (manager) => {
      const tokens = manager.getRepository(LoginTokenEntity);
      const hash = hashOf(token);
      const now = new Date();
      // One statement decides who spends it: of two at once, one finds it unspent.
      const spent = await tokens.update(
        { hash, partnerId, spentAt: IsNull(), expiresAt: MoreThan(now) },
        { spentAt: now },
      );
      if (spent.affected !== 1) return null;
      return (await tokens.findOneByOrFail({ hash, partnerId })).memberId;
    });
  }
}
