/** What a process makes of its environment. */
import { describe, expect, it } from '@jest/globals';
import { readApiConfig } from '../src/config.js';

const least = {
  DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none',
  SURETY_KEYS: `none:${Buffer.alloc(32).toString('base64')}`,
  SURETY_BASE_URL: 'https://pay.example.org',
};

describe('the environment', () => {
  it('has defaults for all else, and what is empty is absent', () => {
    const defaults = readApiConfig(least);
    expect(defaults).toMatchObject({
      METRICS_PORT: 9464,
      OPERATOR_OIDC_CLIENT_ID: 'surety-console',
      SURETY_TEST_MODE: '0',
    });
    const empty = [
      'METRICS_PORT',
      'OTEL_EXPORTER_OTLP_ENDPOINT',
      'SURETY_CODEC_KEYS',
      'OPERATOR_OIDC_ISSUER',
      'LOG_LEVEL',
    ];
    expect(readApiConfig({ ...least, ...Object.fromEntries(empty.map((name) => [name, ''])) })).toEqual(defaults);
  });

  it('that is not complete is told by names and rules, never by a value', () => {
    expect(() => readApiConfig({ ...least, DATABASE_URL: '', SURETY_KEYS: 'k1:canary' })).toThrow(
      /^The environment is not complete[^]*DATABASE_URL: [^]*SURETY_KEYS: (?![^]*canary)/,
    );
  });
});
