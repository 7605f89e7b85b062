import { Column, Entity, PrimaryColumn } from 'typeorm';

/** An API key, known by its hash alone. */
@Entity({ name: 'api_key', schema: 'surety' })
export class ApiKeyEntity {
  @PrimaryColumn('uuid') id!: string;
  @Column('uuid', { name: 'partner_id' }) partnerId!: string;
  @Column('text') name!: string;
  @Column('text') prefix!: string;
  @Column('bytea') hash!: Buffer;
  @Column('text', { array: true }) scopes!: string[];
  @Column('timestamptz', { name: 'expires_at', nullable: true }) expiresAt!: Date | null;
  @Column('timestamptz', { name: 'replaced_at', nullable: true }) replacedAt!: Date | null;
  /** When it would have ended, had it not been replaced. */
  @Column('timestamptz', { name: 'own_expires_at', nullable: true }) ownExpiresAt!: Date | null;
  @Column('timestamptz', { name: 'revoked_at', nullable: true }) revokedAt!: Date | null;
  @Column('timestamptz', { name: 'last_used_at', nullable: true }) lastUsedAt!: Date | null;
  @Column('timestamptz', { name: 'created_at' }) createdAt!: Date;
}
