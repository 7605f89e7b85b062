/**
 * Follows the lines of a Dockerfile without a container engine: every stage is a folder, COPY copies, and the few RUN lines
 * that there are stand for what this checkout has already. A line that it does not know is an error, so that the Dockerfile
 * cannot say anything that was not tried.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { repository } from '../../scripts/stack.js';

export interface Image {
  /** Its WORKDIR, as a folder here. */
  readonly folder: string;
  readonly user: string | null;
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly environment: Readonly<Record<string, string>>;
}

interface Stage extends Omit<Image, 'labels' | 'environment'> {
  readonly labels: Record<string, string>;
  readonly environment: Record<string, string>;
  readonly folder: string;
  user: string | null;
  command: readonly string[];
  healthcheck: readonly string[];
}

const workdir = '/surety';

/** Instructions with their continued lines joined, without comments. */
function instructionsOf(dockerfile: string): { name: string; rest: string }[] {
  return dockerfile
    .split('\n')
    .filter((line) => !/^\s*(#|$)/.test(line))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => ({ name: line.split(' ', 1)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }));
}

/** @param place a folder that is not there yet; each stage is made in it */
export function assemble(place: string, target: string): Image {
  const stages = new Map<string, Stage>();
  let stage: Stage | null = null;
  for (const { name, rest } of instructionsOf(readFileSync(join(repository, 'Dockerfile'), 'utf8'))) {
    if (name === 'FROM') {
      const [, base = '', as = ''] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
      stage = begin(join(place, as), stages.get(base));
      stages.set(as, stage);
      continue;
    }
    if (stage === null) throw new Error(`${name} before any FROM`);
    follow(stage, stages, name, rest);
  }
  const image = stages.get(target);
  if (image === undefined) throw new Error(`The Dockerfile has no stage ${target}`);
  return image;
}

function begin(folder: string, base: Stage | undefined): Stage {
  mkdirSync(folder, { recursive: true });
  if (base === undefined) return { folder, user: null, command: [], healthcheck: [], labels: {}, environment: {} };
  copy(`${base.folder}/.`, folder);
  return { ...base, folder, labels: { ...base.labels }, environment: { ...base.environment } };
}

function follow(stage: Stage, stages: ReadonlyMap<string, Stage>, name: string, rest: string): void {
  switch (name) {
    case 'WORKDIR':
      if (rest !== workdir) throw new Error(`WORKDIR ${rest} is not ${workdir}`);
      return;
    case 'COPY':
      copyInto(stage, stages, rest);
      return;
    case 'RUN':
      run(stage, rest);
      return;
    case 'USER':
      stage.user = rest;
      return;
    case 'CMD':
      stage.command = JSON.parse(rest) as string[];
      return;
    case 'HEALTHCHECK':
      stage.healthcheck = JSON.parse(rest.slice(rest.indexOf('CMD') + 3)) as string[];
      return;
    case 'ENV':
      Object.assign(stage.environment, pairsOf(rest));
      return;
    case 'LABEL':
      Object.assign(stage.labels, pairsOf(rest));
      return;
    case 'ARG':
      return;
    default:
      throw new Error(`The test cannot follow: ${name} ${rest}`);
  }
}

function pairsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)];
  return Object.fromEntries(pairs.map(([, key = '', quoted, plain = '']) => [key, quoted ?? plain]));
}

function copyInto(stage: Stage, stages: ReadonlyMap<string, Stage>, rest: string): void {
  const [, from, paths = ''] = /^(?:--from=(\S+) )?(.*)$/.exec(rest) ?? [];
  const words = paths.split(' ');
  const [sources, target = ''] = [words.slice(0, -1), words.at(-1)];
  const origin = from === undefined ? repository : stages.get(from)?.folder;
  if (origin === undefined) throw new Error(`COPY from a stage that is not there: ${rest}`);
  for (const source of sources) {
    // What is copied from the checkout has to reach the builder at all.
    if (from === undefined && !isSentToBuilder(source)) throw new Error(`.dockerignore keeps back ${source}`);
    const path = join(origin, from === undefined ? source : source.replace(`${workdir}/`, ''));
    // Docker puts a file into a folder, and of a folder what is in it.
    const isFolder = statSync(path).isDirectory();
    const into = join(stage.folder, isFolder || !target.endsWith('/') ? target : join(target, basename(path)));
    mkdirSync(isFolder ? into : dirname(into), { recursive: true });
    copy(isFolder ? `${path}/.` : path, into);
  }
}

function isSentToBuilder(source: string): boolean {
  const lines = readFileSync(join(repository, '.dockerignore'), 'utf8').split('\n');
  return lines.includes('*') && lines.includes(`!${source.replace(/^\.\//, '')}`);
}

/** Hard links: nothing is written into them. */
function copy(from: string, to: string): void {
  execFileSync('cp', ['-al', from, to]);
}

function run(stage: Stage, command: string): void {
  if (command.startsWith('npm ci ')) {
    copy(join(repository, 'node_modules'), stage.folder);
    return;
  }
  if (command === 'node scripts/build.mjs') {
    copy(join(repository, 'dist'), stage.folder);
    return;
  }
  if (!command.startsWith('npm prune --omit=dev ')) throw new Error(`The test cannot follow: RUN ${command}`);
  const [program = '', ...args] = command.split(' ');
  execFileSync(program, [...args, '--offline', '--no-audit', '--no-fund'], { cwd: stage.folder, stdio: 'pipe' });
}
