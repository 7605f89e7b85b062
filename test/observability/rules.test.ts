/** Alert rules and dashboards: of metrics that there are, each alert with its page, checked by promtool where it can be had. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { repository, freePort } from '../../scripts/stack.js';
import { Scrape } from '../support/scrape.js';
import { eventually, World } from '../support/world.js';

const folder = join(repository, 'deploy/observability');
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

interface Rule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook_url: string };
}

const rules = (parse(read('rules/surety.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
);

interface Dashboard {
  readonly uid: string;
  readonly panels: readonly { readonly title: string; readonly targets: readonly { readonly expr: string }[] }[];
}

const dashboards = readdirSync(join(folder, 'grafana/dashboards')).map((name): [string, Dashboard] => [
  name,
  JSON.parse(read(`grafana/dashboards/${name}`)) as Dashboard,
]);

/** Of Prometheus itself. */
const itsOwn = ['up'];

/** Names of metrics in an expression: whatever is no function, label, keyword or text. */
function metricsIn(expr: string): string[] {
  const bare = expr
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}/g, '')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring)\s*\([^)]*\)/g, '');
  const words = [...bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g)].map(([word]) => word);
  return [...new Set(words)].filter((word) => !['or', 'and', 'unless', 'by', 'without', 'e'].includes(word));
}

describe('every expression', () => {
  const [apiPort, sdkPort] = [freePort(), freePort()];
  let world: World;
  let told: ReadonlySet<string>;
  beforeAll(async () => {
    const [api, sdk] = await Promise.all([apiPort, sdkPort]);
    world = await World.open({ environment: { METRICS_PORT: String(api), TEMPORAL_METRICS_PORT: String(sdk) } });
    const opened = await world.open((await world.invoice()).id);
    await world.confirm(opened);
    await world.until(opened.body.id, ['paid']);
    const addresses = [api, world.surety.options.ports.worker, sdk].map((port) => `http://127.0.0.1:${port}/metrics`);
    await eventually(
      async () => {
        const scrapes = await Promise.all(addresses.map((url) => Scrape.of(url)));
        told = new Set(scrapes.flatMap(({ names }) => [...names]));
        return told.has('temporal_workflow_completed_total') && told.has('surety_payments');
      },
      () => `told are ${[...told].sort().join(' ')}`,
    );
  });
  afterAll(async () => {
    await world.close();
  });

  it.each(rules.map(({ alert, expr }) => [alert, expr]))('of the alert %s is of metrics that are told', (_, expr) => {
    const named = metricsIn(expr);
    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((name) => !told.has(name) && !itsOwn.includes(name))).toEqual([]);
  });

  it.each(
    dashboards.flatMap(([file, { panels }]) =>
      panels.map(({ title, targets }) => [`${file}: ${title}`, targets] as const),
    ),
  )('of the panel %s is of metrics that are told', (_, targets) => {
    expect(targets.length).toBeGreaterThan(0);
    for (const { expr } of targets) expect(metricsIn(expr).filter((name) => !told.has(name))).toEqual([]);
  });
});

describe('every alert', () => {
  const pages = readFileSync(join(repository, 'docs/alerts.md'), 'utf8');
  const tests = read('rules-tests/surety_test.yml');

  it.each(rules.map((rule) => [rule.alert, rule] as const))(
    '%s has a severity, a page of its own, and a test',
    (alert, rule) => {
      expect(['page', 'ticket']).toContain(rule.labels.severity);
      expect(rule.annotations.runbook_url).toBe(`docs/alerts.md#${alert.toLowerCase()}`);
      const page = pages.split(/^## /m).find((text) => text.startsWith(`${alert}\n`)) ?? '';
      expect(page).toContain(`\`${rule.labels.severity}\` · `);
      expect(page).toMatch(/\*\*Look at\*\*/);
      expect(page).toMatch(/\*\*(?:Do\*\*|do\*\*)/);
      expect(tests).toContain(`alertname: ${alert}`);
    },
  );

  it('that has a page is an alert', () => {
    const named = [...pages.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
    expect(named.sort()).toEqual(rules.map(({ alert }) => alert).sort());
  });
});

it('dashboards are known by different names', () => {
  const names = dashboards.map(([, { uid }]) => uid);
  expect(new Set(names).size).toBe(names.length);
});

const promtool = process.env['PROMTOOL_PATH'] ?? '';
// Set-up brings one (scripts/setup/promtool.mjs). On a machine where it cannot be had, set-up has said so, and these are counted
// as skipped: only promtool can answer for its language. All facts above are checked anyway.
(promtool === '' ? describe.skip : describe)('promtool', () => {
  it.each([
    ['the configuration', ['check', 'config', 'prometheus.yml']],
    ['the rules', ['check', 'rules', 'rules/surety.yml']],
    ['the tests of the rules', ['test', 'rules', 'rules-tests/surety_test.yml']],
  ])('takes %s', (_, args) => {
    const { status, stdout, stderr } = spawnSync(promtool, args, { cwd: folder, encoding: 'utf8' });
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
  });

  it.each(dashboards)('can read each panel of %s', (name, { panels }) => {
    const expressions = panels
      .flatMap(({ targets }) => targets)
      .map(({ expr }, n) => ({ record: `panel:${n}`, expr: expr.replaceAll('$__rate_interval', '5m') }));
    const file = join(mkdtempSync(join(tmpdir(), 'surety-panels-')), name);
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'panels', rules: expressions }] }));
    const { status, stdout, stderr } = spawnSync(promtool, ['check', 'rules', file], { encoding: 'utf8' });
    expect({ status, said: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, said: '' });
  });
});
