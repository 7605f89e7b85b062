// ESM through SWC; whatever needs a running Surety starts real processes from dist/ (see test/support/world.ts).
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', tsx: true, decorators: true },
          transform: {
            legacyDecorator: true,
            decoratorMetadata: true,
            react: { runtime: 'automatic', importSource: 'preact' },
          },
        },
        module: { type: 'es6' },
      },
    ],
  },
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  // Where set-up has found no Python, and has said so, the short fuzz run is not among the tests.
  testPathIgnorePatterns: ['/node_modules/', ...(process.env.FUZZ_PYTHON === '' ? ['<rootDir>/test/fuzz/'] : [])],
  // Other releases, compiled for test/deploy.
  modulePathIgnorePatterns: ['<rootDir>/.data/'],
  globalSetup: '<rootDir>/test/support/globalSetup.mjs',
  globalTeardown: '<rootDir>/test/support/globalTeardown.mjs',
  reporters: ['default', '<rootDir>/test/support/summaryReporter.cjs'],
  testTimeout: 60_000,
  maxWorkers: 2,
};
