import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A partner's one-time token, known by its hash alone. */
@Entity({ name: 'login_token', schema: 'surety' })
export class LoginTokenEntity {
  @PrimaryColumn('bytea') hash!: Buffer;
  @Column('uuid', { name: 'partner_id' }) partnerId!: string;
  @Column('uuid', { name: 'member_id' }) memberId!: string;
  @Column('timestamptz', { name: 'expires_at' }) expiresAt!: Date;
  @Column('timestamptz', { name: 'spent_at', nullable: true }) spentAt!: Date | null;
}
