import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { PendingLogin } from './session.js';

/** An operator's session, or a login under way: found by the hash of the id in his cookie, so that the table opens nothing. */
@Entity({ name: 'operator_session', schema: 'surety' })
export class OperatorSessionEntity {
  @PrimaryColumn('bytea', { name: 'id_hash' }) idHash!: Buffer;
  @Column('text', { nullable: true }) operator!: string | null;
  @Column('text', { nullable: true }) name!: string | null;
  @Column('text', { array: true }) roles!: string[];
  /** Ids of partners; `*` alone: all. */
  @Column('text', { array: true }) partners!: string[];
  @Column('jsonb', { nullable: true }) login!: PendingLogin | null;
  @Column('text', { name: 'csrf_secret' }) csrfSecret!: string;
  @Column('timestamptz', { name: 'authenticated_at', nullable: true }) authenticatedAt!: Date | null;
  @Column('timestamptz', { name: 'seen_at' }) seenAt!: Date;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt!: Date;
}
