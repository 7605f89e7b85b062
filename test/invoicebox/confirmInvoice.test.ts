import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import type net from 'node:net';
import { describe, expect, it } from '@jest/globals';
import {
  answeringBytes,
  deadPort,
  invoiceId,
  operationId,
  party,
  token,
  transactionId,
  withHttp,
  withTcp,
  type Reply,
} from './servers.js';

const success = { data: { partnerOperationId: operationId, id: transactionId } };
const bodyOf = (kind: string, rest: object = {}) => ({ kind: 'answer', body: { kind, ...rest } });
const refusal = (code: string, message = '', fields: object[] = []) => bodyOf('refusal', { code, message, fields });

describe('what is sent', () => {
  it('posts our operation id once, in the contract’s shape, to the lower-cased id', async () => {
    await withHttp({ body: success }, async ({ client, account, seen }) => {
      await client.confirmInvoice(account, invoiceId.toUpperCase(), operationId);
      expect(seen).toHaveLength(1);
      expect(seen[0]).toMatchObject({
        method: 'POST',
        url: `/v3/business/api/invoice/${invoiceId}/confirm`,
        body: JSON.stringify({ partnerOperationId: operationId }),
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'user-agent': 'Surety/0 (test 0)',
          authorization: `Bearer ${token}`,
        },
      });
      expect(seen[0]?.headers).not.toHaveProperty('x-signature');
    });
  });

  it.each(['sha1', 'sha256'])('signs the raw body with %s where that was agreed', async (algorithm) => {
    await withHttp({ body: success }, async ({ client, account, seen }) => {
      await client.confirmInvoice({ ...account, signature: { key: 'k', algorithm } }, invoiceId, operationId);
      const [request] = seen;
      expect(request?.headers['x-signature']).toBe(
        createHmac(algorithm, 'k')
          .update(request?.body ?? '')
          .digest('hex'),
      );
    });
  });

  it('refuses what is no invoice id before anything is sent', async () => {
    await withHttp({ body: success }, async ({ client, account, seen }) => {
      for (const id of ['', '../x', `${invoiceId}/`, `${invoiceId}\n`, 'g1771534-1a57-f184-dee3-ebeb91dded76']) {
        await expect(client.confirmInvoice(account, id, operationId)).rejects.toThrow(RangeError);
      }
      await expect(client.confirmInvoice(account, invoiceId, '')).rejects.toThrow(RangeError);
      await expect(client.confirmInvoice(account, invoiceId, 'x'.repeat(37))).rejects.toThrow(RangeError);
      expect(seen).toHaveLength(0);
    });
  });

  it('never uses a connection twice', async () => {
    await withHttp({ body: success }, async ({ client, account, seen, sockets }) => {
      const calls = Array.from({ length: 20 }, () => client.confirmInvoice(account, invoiceId, operationId));
      for (const answer of await Promise.all(calls)) expect(answer).toMatchObject(bodyOf('success'));
      await client.confirmInvoice(account, invoiceId, operationId);
      expect(seen).toHaveLength(21);
      expect(sockets.size).toBe(21);
    });
  });
});

describe('an answer', () => {
  it.each<[string, Reply, object]>([
    [
      'success',
      { body: success },
      { ...bodyOf('success', { partnerOperationId: operationId, transactionId }), httpStatus: 200 },
    ],
    ['success at 201', { status: 201, body: success }, { ...bodyOf('success'), httpStatus: 201 }],
    [
      'success without ids',
      { body: { data: {} } },
      bodyOf('success', { partnerOperationId: null, transactionId: null }),
    ],
    [
      'success with ids of another type',
      { body: { data: { id: 5, partnerOperationId: null } } },
      bodyOf('success', { partnerOperationId: null, transactionId: null }),
    ],
    ['a success body at 400', { status: 400, body: success }, bodyOf('other')],
    ['data that is a list', { body: { data: [success.data] } }, bodyOf('other')],
    ['an empty body', { status: 200 }, bodyOf('other')],
    ['an empty body at 422', { status: 422 }, bodyOf('other')],
    ['no content', { status: 204 }, bodyOf('other')],
    ['null', { body: 'null' }, bodyOf('other')],
    ['a bare code at 200', { body: { code: 'ok' } }, bodyOf('other')],
    ['a code without an error at 502', { status: 502, body: { error: { message: 'x' } } }, bodyOf('other')],
    [
      'an error',
      {
        status: 422,
        body: {
          error: {
            message: 'Calculation Error',
            code: 'wrong_total_amount',
            fields: [{ name: 'amount', code: 'wrong_value', message: '' }],
          },
        },
      },
      refusal('wrong_total_amount', 'Calculation Error', [{ name: 'amount', code: 'wrong_value', message: '' }]),
    ],
    [
      'a code at the top',
      { status: 401, body: { code: 'unauthorized', message: 'No' } },
      refusal('unauthorized', 'No'),
    ],
    ['an error at 200', { body: { error: { code: 'out_of_service' } } }, refusal('out_of_service')],
    [
      'a refusing result',
      {
        body: {
          data: {
            type: 'message',
            result: 'notEnoughMoney',
            resultData: { message: { title: 'Недостаточно средств', message: 'Пополните' } },
          },
        },
      },
      refusal('notEnoughMoney', 'Пополните'),
    ],
    ...['alreadyPaid', 'limitReached', 'wrongCode', 'error'].map(
      (result) => [`the result ${result}`, { body: { data: { result } } }, refusal(result)] as [string, Reply, object],
    ),
    ['an unseen result', { body: { data: { result: 'success' } } }, bodyOf('success')],
    ['status error', { body: { status: 'error', code: 'order_not_found' } }, refusal('order_not_found')],
    ['status error in data', { body: { data: { status: 'error', code: 'x', message: 'm' } } }, refusal('x', 'm')],
    ['status error without a code', { body: { status: 'error' } }, bodyOf('other')],
    ['a transaction beside a refusal', { body: { ...success, error: { code: 'x' } } }, bodyOf('other')],
    ...[
      { ...success, status: 'error' },
      { data: { ...success.data, status: 'error' } },
      { ...success, error: { message: 'No' } },
      { ...success, error: { code: 17 } },
      { ...success, error: 'No' },
    ].map(
      (body) =>
        [`a transaction beside an unreadable error: ${JSON.stringify(body)}`, { body }, bodyOf('other')] as [
          string,
          Reply,
          object,
        ],
    ),
    ['a transaction beside an empty error', { body: { ...success, error: [] } }, bodyOf('success')],
    [
      'a transaction that Postgres could not store',
      { body: { data: { ...success.data, id: `\u0000${'x'.repeat(500)}` } } },
      bodyOf('success', { partnerOperationId: operationId, transactionId: `\uFFFD${'x'.repeat(99)}` }),
    ],
    [
      'a transaction beside a refusing result',
      { body: { data: { ...success.data, result: 'error' } } },
      bodyOf('other'),
    ],
  ])('%s', async (_, reply, expected) => {
    await withHttp(reply, async ({ client, account }) => {
      expect(await client.confirmInvoice(account, invoiceId, operationId)).toMatchObject(expected);
    });
  });

  it('keeps the request id and honours Retry-After up to a minute', async () => {
    const headers = { 'X-Request-Id': 'r-1', 'Retry-After': '7' };
    await withHttp({ status: 429, headers, body: {} }, async ({ client, account }) => {
      expect(await client.confirmInvoice(account, invoiceId, operationId)).toStrictEqual({
        kind: 'answer',
        httpStatus: 429,
        retryAfterMs: 7_000,
        body: { kind: 'other' },
        requestId: 'r-1',
      });
    });
  });

  it('bounds what a server may say', async () => {
    const fields = Array.from({ length: 50 }, () => ({ name: 'n\u0000', code: 'c', message: 'm'.repeat(900) }));
    const body = { error: { code: 'c'.repeat(500), message: '😀'.repeat(600), fields } };
    await withHttp({ status: 422, body }, async ({ client, account }) => {
      const answer = await client.confirmInvoice(account, invoiceId, operationId);
      if (answer.kind !== 'answer' || answer.body.kind !== 'refusal') throw new Error(answer.kind);
      expect(answer.body.code).toHaveLength(100);
      expect(answer.body.message).toBe('😀'.repeat(500));
      expect(answer.body.fields).toHaveLength(20);
      expect(answer.body.fields[0]).toStrictEqual({ name: 'n\uFFFD', code: 'c', message: 'm'.repeat(500) });
    });
  });
});

describe('a redirect', () => {
  it.each([301, 302, 303, 307, 308])('%s is not followed', async (status) => {
    const reply = { status, headers: { Location: '/v3/elsewhere', 'X-Request-Id': 'r-2' }, body: 'moved' };
    await withHttp(reply, async ({ client, account, seen }) => {
      const answer = await client.confirmInvoice(account, invoiceId, operationId);
      expect(answer).toStrictEqual({ kind: 'redirect', httpStatus: status, requestId: 'r-2' });
      expect(seen).toHaveLength(1);
    });
  });
});

describe('an unreadable body', () => {
  it.each<[string, Reply, number]>([
    ['a page', { body: '<html>' }, 200],
    ['a page of a proxy', { status: 502, body: '<html>' }, 502],
    ['half a JSON', { body: '{"data":{' }, 200],
    ['white space', { body: ' ' }, 200],
  ])('%s is malformed', async (_, reply, httpStatus) => {
    await withHttp(reply, async ({ client, account }) => {
      const answer = await client.confirmInvoice(account, invoiceId, operationId);
      expect(answer).toMatchObject({ kind: 'unreadable', httpStatus, detail: 'malformed' });
    });
  });

  it('is truncated where the connection ends before it', async () => {
    const bytes = 'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Request-Id: r-3\r\n\r\n{"data":{';
    await withTcp(answeringBytes(bytes), async ({ client, account }) => {
      expect(await client.confirmInvoice(account, invoiceId, operationId)).toStrictEqual({
        kind: 'unreadable',
        httpStatus: 200,
        detail: 'truncated',
        requestId: 'r-3',
      });
    });
  });

  it('is oversized past 1 MiB, and no more of it is read', async () => {
    let hungUp: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (hungUp = resolve));
    const endless = (socket: net.Socket) => {
      socket.on('close', hungUp);
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
        const more = () => {
          while (!socket.destroyed && socket.write(chunk));
        };
        socket.on('drain', more);
        more();
      });
    };
    await withTcp(endless, async ({ client, account }) => {
      const answer = await client.confirmInvoice(account, invoiceId, operationId);
      expect(answer).toMatchObject({ kind: 'unreadable', httpStatus: 200, detail: 'oversized' });
      await gone;
    });
  });

  it('may be just 1 MiB', async () => {
    const body = JSON.stringify(success).padEnd(1_048_576);
    await withHttp({ body }, async ({ client, account }) => {
      expect(await client.confirmInvoice(account, invoiceId, operationId)).toMatchObject(bodyOf('success'));
    });
  });
});

describe('nothing was sent', () => {
  it('where nobody listens', async () => {
    const { client, account } = party(await deadPort());
    const answer = await client.confirmInvoice(account, invoiceId, operationId);
    expect(answer).toStrictEqual({ kind: 'not_sent', detail: 'connection_refused' });
    await client.close();
  });

  it('where the name has no address', async () => {
    const { client, account } = party(0, {}, 'http://surety.invalid');
    const answer = await client.confirmInvoice(account, invoiceId, operationId);
    expect(answer).toStrictEqual({ kind: 'not_sent', detail: 'dns' });
    await client.close();
  });

  it('where TLS fails', async () => {
    let received = '';
    const plain = (socket: net.Socket) => {
      socket.on('data', (chunk) => {
        received += chunk.toString('latin1');
        socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      });
    };
    await withTcp(plain, async ({ client, account, port }) => {
      const secure = { ...account, baseUrl: `https://127.0.0.1:${port}` };
      const answer = await client.confirmInvoice(secure, invoiceId, operationId);
      expect(answer).toStrictEqual({ kind: 'not_sent', detail: 'tls' });
      expect(received).not.toContain('POST');
    });
  });

  it('where the handshake does not end in time', async () => {
    const silent = () => undefined;
    await withTcp(
      silent,
      async ({ client, account, port }) => {
        const secure = { ...account, baseUrl: `https://127.0.0.1:${port}` };
        const answer = await client.confirmInvoice(secure, invoiceId, operationId);
        expect(answer).toStrictEqual({ kind: 'not_sent', detail: 'connect_timeout' });
      },
      { connectMs: 50 },
    );
  });

  it('where it was stopped while connecting, and nothing follows once the connection stands', async () => {
    let received = '';
    let hungUp: () => void = () => undefined;
    const gone = new Promise<void>((resolve) => (hungUp = resolve));
    const listen = (socket: net.Socket) => {
      socket.on('data', (chunk) => (received += chunk.toString('latin1')));
      socket.on('close', hungUp);
    };
    await withTcp(listen, async ({ client, account }) => {
      const stop = new AbortController();
      const answer = client.confirmInvoice(account, invoiceId, operationId, stop.signal);
      stop.abort();
      expect(await answer).toStrictEqual({ kind: 'not_sent', detail: 'aborted' });
      await client.close();
      await gone;
    });
    expect(received).toBe('');
  });

  it('where it was stopped before, where the client is closed, where the settings make no request', async () => {
    await withHttp({ body: success }, async ({ client, account, seen }) => {
      const notSent = (detail: string) => ({ kind: 'not_sent', detail });
      const confirm = (changed: object, signal?: AbortSignal) =>
        client.confirmInvoice({ ...account, ...changed }, invoiceId, operationId, signal);
      expect(await confirm({}, AbortSignal.abort())).toStrictEqual(notSent('aborted'));
      expect(await confirm({ baseUrl: 'nowhere' })).toStrictEqual(notSent('invalid_request'));
      expect(await confirm({ baseUrl: 'ftp://127.0.0.1' })).toStrictEqual(notSent('invalid_request'));
      expect(await confirm({ token: 'a\r\nb' })).toStrictEqual(notSent('invalid_request'));
      expect(await confirm({ signature: { key: 'k', algorithm: 'none' } })).toStrictEqual(notSent('invalid_request'));
      await client.close();
      expect(await confirm({})).toStrictEqual(notSent('client_closed'));
      expect(seen).toHaveLength(0);
    });
  });
});

describe('no answer, though it may have been executed', () => {
  const confirm = { connectMs: 500, confirmMs: 100 };

  it('in time', async () => {
    await withTcp(
      () => undefined,
      async ({ client, account }) => {
        const answer = await client.confirmInvoice(account, invoiceId, operationId);
        expect(answer).toStrictEqual({ kind: 'no_answer', detail: 'timeout' });
      },
      confirm,
    );
  });

  it('whole in time', async () => {
    const half = (socket: net.Socket) => {
      socket.once('data', () =>
        socket.write('HTTP/1.1 200 OK\r\nX-Request-Id: r-4\r\nContent-Length: 100\r\n\r\n{"da'),
      );
    };
    await withTcp(
      half,
      async ({ client, account }) => {
        const answer = await client.confirmInvoice(account, invoiceId, operationId);
        expect(answer).toStrictEqual({ kind: 'no_answer', detail: 'timeout', requestId: 'r-4' });
      },
      confirm,
    );
  });

  it.each<[string, (socket: net.Socket) => void]>([
    ['the connection ends', answeringBytes('')],
    ['the connection breaks', (socket) => void socket.once('data', () => socket.resetAndDestroy())],
    ['the connection ends within the headers', answeringBytes('HTTP/1.1 200 OK\r\nContent-Le')],
    ['it is not HTTP', answeringBytes('SSH-2.0-OpenSSH\r\n')],
    ['the headers have no bounds', answeringBytes(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`)],
  ])('because %s', async (_, onConnection) => {
    let connections = 0;
    const counted = (socket: net.Socket) => {
      connections += 1;
      onConnection(socket);
    };
    await withTcp(counted, async ({ client, account }) => {
      const answer = await client.confirmInvoice(account, invoiceId, operationId);
      expect(answer).toStrictEqual({ kind: 'no_answer', detail: 'connection_lost' });
    });
    expect(connections).toBe(1);
  });

  it('because we stopped waiting', async () => {
    const stop = new AbortController();
    const stopping = (socket: net.Socket) => {
      void once(socket, 'data').then(() => {
        stop.abort();
      });
    };
    await withTcp(stopping, async ({ client, account }) => {
      const answer = await client.confirmInvoice(account, invoiceId, operationId, stop.signal);
      expect(answer).toStrictEqual({ kind: 'no_answer', detail: 'aborted' });
    });
  });

  it('and another call’s fate is not confused with it', async () => {
    const dead = await deadPort();
    await withTcp(answeringBytes(''), async ({ client, account }) => {
      const nowhere = { ...account, baseUrl: `http://127.0.0.1:${dead}` };
      const kinds = await Promise.all(
        Array.from({ length: 20 }, async (_, n) => {
          const answer = await client.confirmInvoice(n % 2 === 0 ? account : nowhere, invoiceId, operationId);
          return answer.kind;
        }),
      );
      expect(kinds).toStrictEqual(Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? 'no_answer' : 'not_sent')));
    });
  });
});
