import type { DataSource, EntityManager } from 'typeorm';

/** Everyday reads and writes of one partner: one transaction under his row-level security, never left on the connection. */
export function withPartner<T>(
  dataSource: DataSource,
  partnerId: string,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  return dataSource.transaction(async (manager) => {
    await manager.query("SELECT set_config('surety.partner', $1, true)", [partnerId]);
    return work(manager);
  });
}
