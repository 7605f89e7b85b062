/**
 * What Temporal keeps of us is encrypted before it leaves the process, where keys are configured: inputs, answers,
 * summaries and details, and failures' messages and stacks (src/workflows/failureConverter.ts). Search attributes are not:
 * the server has to read them, so that they never hold more than ids and codes.
 *
 * A ring of its own, not SURETY_KEYS: an old key has to stay for as long as a history is kept (90 days), and not a day longer
 * than it takes to seal partners' tokens anew; and who may read histories need not be able to open tokens.
 */
import { METADATA_ENCODING_KEY, type DataConverter, type Payload, type PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import { KeyRing } from './keyring.js';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

const encrypted = 'binary/encrypted';
const keyIdKey = 'encryption-key-id';
const purpose = 'temporal-payload';
const setting = 'SURETY_CODEC_KEYS';
/** Said instead of a sealing key: what is written stays plain, and the keys after it open what was written before. */
const plainly = 'plain';

const ivBytes = 12;
const tagBytes = 16;

export class EncryptingCodec implements PayloadCodec {
  readonly #ring: KeyRing | null;
  readonly #seals: boolean;

  /** @param keys `id:base64-of-32-bytes`, several by commas: the first one seals, all open; `plain` first seals nothing. */
  constructor(keys: string) {
    const entries = keys.split(',');
    this.#seals = entries[0] !== plainly;
    const ring = this.#seals ? entries : entries.slice(1);
    this.#ring = ring.length === 0 ? null : new KeyRing(ring.join(','), setting);
  }

  encode(payloads: Payload[]): Promise<Payload[]> {
    return settled(() => payloads.map((payload) => this.#seal(payload)));
  }

  /** What was written plainly, by a release before or without keys, comes through as it is. */
  decode(payloads: Payload[]): Promise<Payload[]> {
    return settled(() => payloads.map((payload) => this.#open(payload)));
  }

  #seal(payload: Payload): Payload {
    if (!this.#seals || this.#ring === null) return payload;
    const { keyId, iv, tag, text } = this.#ring.sealBytes(PayloadMessage.encode(payload).finish(), purpose);
    return {
      metadata: { [METADATA_ENCODING_KEY]: Buffer.from(encrypted), [keyIdKey]: Buffer.from(keyId) },
      data: Buffer.concat([iv, tag, text]),
    };
  }

  #open(payload: Payload): Payload {
    if (!isEncrypted(payload)) return payload;
    if (this.#ring === null) throw new Error(`A payload is encrypted, and ${setting} holds no key`);
    const data = Buffer.from(payload.data ?? []);
    const sealed = {
      keyId: textOf(payload.metadata?.[keyIdKey]),
      iv: data.subarray(0, ivBytes),
      tag: data.subarray(ivBytes, ivBytes + tagBytes),
      text: data.subarray(ivBytes + tagBytes),
    };
    return PayloadMessage.decode(this.#ring.openBytes(sealed, purpose));
  }
}

function isEncrypted({ metadata }: Payload): boolean {
  return textOf(metadata?.[METADATA_ENCODING_KEY]) === encrypted;
}

/** How clients and workers write to Temporal and read from it. */
export function dataConverterFor(keys: string): DataConverter {
  return { payloadCodecs: [new EncryptingCodec(keys)] };
}

const textOf = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString();

/** Temporal wants promises; there is nothing to wait for. */
async function settled<T>(work: () => T): Promise<T> {
  return Promise.resolve(work());
}
