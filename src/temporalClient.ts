import { Client, type Connection } from '@temporalio/client';
import { dataConverterFor } from './codec.js';

/** The one way to speak to workflows: whoever does it otherwise writes plainly what is to be encrypted, and reads nothing. */
export function temporalClient(
  connection: Connection,
  config: { readonly TEMPORAL_NAMESPACE: string; readonly SURETY_CODEC_KEYS: string },
): Client {
  return new Client({
    connection,
    namespace: config.TEMPORAL_NAMESPACE,
    dataConverter: dataConverterFor(config.SURETY_CODEC_KEYS),
  });
}
