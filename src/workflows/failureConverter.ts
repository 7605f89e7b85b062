/**
 * Messages and stacks of failures are payloads here, so that the codec encrypts them too (src/codec.ts): as they come, the
 * server keeps them in the clear. In the workflows' bundle, and in the worker for activities. Old ones are read as they are.
 */
import { DefaultFailureConverter } from '@temporalio/common';

export const failureConverter = new DefaultFailureConverter({ encodeCommonAttributes: true });
