// The arrows of the design: workflows → domain and activity types; activities → invoicebox, ledger, domain;
// api → messages, ledger, database, domain; ledger → database, domain; domain → nothing.
const only = (name, from, allowed, comment) => ({
  name,
  severity: 'error',
  comment,
  from: { path: from },
  to: { path: '^(src|simulator|scripts)/', pathNot: [from, ...allowed] },
});

module.exports = {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'A circle hides which part depends on which.',
      from: {},
      to: { circular: true, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'domain-imports-nothing',
      severity: 'error',
      comment: 'Decisions are pure: the language and each other alone, so that tables and properties test them.',
      from: { path: '^src/domain/' },
      to: { pathNot: '^src/domain/' },
    },
    only(
      'workflows',
      '^src/workflows/',
      ['^src/domain/', '^src/activities/'],
      'A workflow decides and orders; whatever does I/O is an activity.',
    ),
    {
      name: 'workflows-import-activity-types-only',
      severity: 'error',
      comment: 'An activity bundled into a workflow would do I/O inside the sandbox.',
      from: { path: '^src/workflows/' },
      to: { path: '^src/activities/', dependencyTypesNot: ['type-only'] },
    },
    only(
      'activities',
      '^src/activities/',
      [
        '^src/(invoicebox|ledger|webhooks|domain)/',
        '^src/workflows/messages\\.ts$',
        '^src/(keyring|partnerSettings)\\.ts$',
      ],
      'An activity calls one counterpart; the sweeper and the webhooks starter start workflows by their messages.',
    ),
    only(
      'invoicebox',
      '^src/invoicebox/',
      ['^src/domain/', '^src/release\\.ts$'],
      'HTTP only: what an answer means is decided in domain/.',
    ),
    only('webhooks', '^src/webhooks/', ['^src/domain/'], 'HTTP only: when to try again is decided in domain/.'),
    only(
      'metrics',
      '^src/metrics/',
      ['^src/(ledger/call|invoicebox/observe|database/pool|log|release)\\.ts$'],
      'It counts what it is told and reads the views that are made for it; who counts what is said where a process is put together.',
    ),
    only(
      'tracing',
      '^src/tracing/',
      ['^src/invoicebox/observe\\.ts$', '^src/release\\.ts$'],
      'It looks at libraries from outside; nothing of ours knows of it but who puts a process together.',
    ),
    only('ledger', '^src/ledger/', ['^src/(database|domain)/'], 'The books know nothing of HTTP or of Temporal.'),
    only(
      'api',
      '^src/api/',
      [
        '^src/(ledger|database|domain)/',
        '^src/workflows/messages\\.ts$',
        '^src/(codec|config|log|temporal|temporalClient|health|keyring|partnerSettings|webhookStarts|metrics/httpMetrics|tracing/tracing)\\.ts$',
        '^src/webhooks/(address|endpointUrl|signature)\\.ts$',
      ],
      'The API never calls Invoicebox or an endpoint, and knows of workflows their messages alone.',
    ),
    {
      name: 'simulator-is-apart',
      severity: 'error',
      comment: 'The twin must not share our mistakes.',
      from: { path: '^simulator/' },
      to: { path: '^(src|scripts)/' },
    },
    {
      name: 'verifier-is-apart',
      severity: 'error',
      comment: 'Whoever checks the books must not share what wrote them: not a line of it.',
      from: { path: '^scripts/verify/' },
      to: { path: '^(src|simulator|scripts|packages|examples|test)/', pathNot: '^scripts/verify/' },
    },
    {
      name: 'client-is-apart',
      severity: 'error',
      comment: 'A partner installs it without the rest.',
      from: { path: '^packages/' },
      to: { path: '^(src|simulator|scripts|examples|test)/' },
    },
    {
      name: 'examples-use-the-client-alone',
      severity: 'error',
      comment: 'They show what a partner can do, who has nothing else.',
      from: { path: '^examples/' },
      to: { path: '^(src|simulator|scripts|test)/' },
    },
    {
      name: 'nobody-imports-the-simulator',
      severity: 'error',
      comment: 'It is a counterpart, reached over HTTP.',
      from: { path: '^(src|scripts)/' },
      to: { path: '^simulator/' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'node_modules' },
  },
};
