/**
 * Evaluated once a worker, before any workflow (scripts/build.mjs). For every promise that a workflow makes, the SDK writes
 * down the stack that it was made on, line by line through the source map: with the ten frames that V8 has by default, that is
 * a quarter of what a payment's workflow costs. Four tell where an error was thrown.
 */
Error.stackTraceLimit = 4;
