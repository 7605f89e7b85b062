import regexp from 'eslint-plugin-regexp';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  {
    ignores: [
      '**/dist',
      '.data',
      '**/node_modules',
      'screenshots',
      '**/*.js',
      '**/*.mjs',
      '**/*.cjs',
      'packages/client/src/schema.ts',
      // Packages of its own, brought when they are wanted; `npm run bench -- rivals` type-checks it.
      'bench/rivals',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  // No comment switches a rule off, for a line or for a file.
  { linterOptions: { noInlineConfig: true } },
  {
    languageOptions: { parserOptions: { project: './tsconfig.test.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      // Every outcome is data with an exhaustive switch: the compiler and this rule find the missing case.
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: false }],
      '@typescript-eslint/no-floating-promises': 'error',
      // Numbers in messages are plain; everything else still has to be a string.
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Its mark is there to make it stand out: the one use is for loopback hosts in test mode.
      '@typescript-eslint/no-deprecated': [
        'error',
        { allow: [{ from: 'package', package: 'openid-client', name: 'allowInsecureRequests' }] },
      ],
      // Nest declares its options as classes, and everybody, its documentation included, gives literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // Nest modules are classes without members: the decorator carries everything.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
    },
  },
  {
    // What comes from outside meets these: however it is written, a regular expression reads it in linear time.
    files: ['src/**/*.ts', 'src/**/*.tsx', 'packages/**/*.ts'],
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential' }],
      'regexp/no-dupe-disjunctions': ['error', { report: 'trivial', reportExponentialBacktracking: 'potential' }],
    },
  },
);
