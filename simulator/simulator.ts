import type { SimulatorConfig } from './config.js';
import type { Connections } from './connections.js';
import type { Faults } from './faults.js';
import type { IdentityProvider } from './idp/provider.js';
import type { Invoicebox } from './invoicebox.js';
import type { Pauses } from './pauses.js';
import type { Quotas } from './quotas.js';
import type { RequestLog } from './requestLog.js';

/** What the routes share; made once by the server. */
export interface Simulator {
  readonly config: SimulatorConfig;
  /** Where browsers and Surety find us, without a slash at the end. */
  readonly publicUrl: string;
  readonly invoicebox: Invoicebox;
  readonly faults: Faults;
  readonly pauses: Pauses;
  readonly connections: Connections;
  readonly quotas: Quotas;
  readonly requests: RequestLog;
  readonly idp: IdentityProvider;
  /** Aborted when the simulator closes: whoever waits stops waiting. */
  readonly closing: AbortSignal;
}
