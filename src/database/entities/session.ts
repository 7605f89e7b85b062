import { Column, Entity, PrimaryColumn } from 'typeorm';

/** What a login in progress is checked against, and where whoever logs in goes on afterwards. */
export interface PendingLogin {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly goOn: string;
}

/** A buyer's session, or a login under way: found by the hash of the id in his cookie, so that the table opens nothing. */
@Entity({ name: 'session', schema: 'surety' })
export class SessionEntity {
  @PrimaryColumn('bytea', { name: 'id_hash' }) idHash!: Buffer;
  @Column('uuid', { name: 'partner_id' }) partnerId!: string;
  @Column('uuid', { name: 'member_id', nullable: true }) memberId!: string | null;
  @Column('jsonb', { nullable: true }) login!: PendingLogin | null;
  @Column('text', { name: 'csrf_secret' }) csrfSecret!: string;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt!: Date;
}
