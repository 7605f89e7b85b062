/** What starts the real parts for the demo and the tests. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { freePort, startTemporal } from '../../scripts/stack.js';

it('a Temporal server that cannot have a port says so at once, instead of being waited for', async () => {
  const other = createServer().listen(await freePort(), '127.0.0.1');
  await once(other, 'listening');
  const { port: uiPort } = other.address() as AddressInfo;
  await expect(startTemporal({ namespace: 'surety', port: await freePort(), uiPort })).rejects.toThrow(
    new RegExp(`temporal has ended[^]*${uiPort}`),
  );
  other.close();
});
