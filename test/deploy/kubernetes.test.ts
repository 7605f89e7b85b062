/** The manifests of deploy/kubernetes: each fits Kubernetes' own schema, to the field, and says what compose and code say. */
import { describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { repository } from '../../scripts/stack.js';

const folder = join(repository, 'deploy/kubernetes');
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');

interface Container {
  readonly image: string;
  readonly command: readonly string[];
  readonly env?: readonly { name: string }[];
  readonly envFrom?: readonly { configMapRef?: { name: string }; secretRef?: { name: string } }[];
  readonly securityContext: unknown;
  readonly ports?: readonly { name: string; containerPort: number }[];
  readonly volumeMounts?: unknown;
  readonly resources: { readonly limits?: { readonly memory?: string } };
  readonly livenessProbe?: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe?: { readonly httpGet: { readonly path: string } };
}
interface PodSpec {
  readonly containers: readonly Container[];
  readonly securityContext: unknown;
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken: boolean;
  readonly terminationGracePeriodSeconds?: number;
}
interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Record<string, string>;
  readonly stringData?: Record<string, string>;
  readonly spec?: {
    readonly template?: { readonly metadata: { readonly labels: Record<string, string> }; readonly spec: PodSpec };
    readonly selector?: { readonly matchLabels?: Record<string, string> };
    readonly scaleTargetRef?: { readonly name: string };
    readonly triggers?: readonly { readonly type: string; readonly metadata: Record<string, string> }[];
  };
}

const schemas = JSON.parse(readFileSync(join(import.meta.dirname, 'kubernetes.schemas.json'), 'utf8')) as {
  kinds: Record<string, string>;
  $defs: Record<string, object>;
};
// Formats are Kubernetes' own (int32, byte): their types are checked, which is what a typing error breaks.
const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
ajv.addSchema({ $id: 'kubernetes', $defs: schemas.$defs });

/** What does not fit, in words. */
function problemsOf(manifest: Manifest): string[] {
  const name = schemas.kinds[`${manifest.apiVersion}/${manifest.kind}`];
  if (name === undefined) return [`no schema for ${manifest.apiVersion} ${manifest.kind}`];
  ajv.validate({ $ref: `kubernetes#/$defs/${name}` }, manifest);
  return (ajv.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath} ${message ?? ''} ${JSON.stringify(params)}`,
  );
}

const manifestsIn = (path: string): Manifest[] =>
  parseAllDocuments(read(path)).map((document) => document.toJS() as Manifest);
const { resources } = parse(read('kustomization.yaml')) as { resources: string[] };
const examples = readdirSync(join(folder, 'example')).map((name) => `example/${name}`);
const all = [...resources, ...examples].flatMap((path) => manifestsIn(path).map((manifest) => ({ path, manifest })));
const named = (kind: string, name: string): Manifest => {
  const found = all.find(({ manifest }) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`no ${kind} ${name}`);
  return found.manifest;
};
const workloads = all.filter(({ manifest }) => manifest.spec?.template !== undefined);
const podOf = ({ spec }: Manifest): PodSpec => {
  if (spec?.template === undefined) throw new Error('no pod');
  return spec.template.spec;
};

describe('the manifests', () => {
  it('are all that kustomize is told of, and all that there are', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.yaml') && name !== 'kustomization.yaml');
    expect([...resources].sort()).toEqual(files.sort());
  });

  it.each(all.map(({ path, manifest }) => [path, manifest.kind, manifest.metadata.name, manifest] as const))(
    '%s: %s %s fits the schema',
    (_path, _kind, _name, manifest) => {
      expect(problemsOf(manifest)).toEqual([]);
    },
  );

  it('would not fit with a field that nobody knows, one of another type, or one that is missing', () => {
    const deployment = named('Deployment', 'surety-api');
    const pod = podOf(deployment);
    const changed = (change: object): Manifest =>
      ({ ...deployment, spec: { ...deployment.spec, template: { spec: { ...pod, ...change } } } }) as Manifest;
    expect(problemsOf(changed({ terminationGracePeriod: 45 })).join()).toMatch(
      /additional properties.*terminationGracePeriod/,
    );
    expect(problemsOf(changed({ terminationGracePeriodSeconds: '45' })).join()).toMatch(/must be integer/);
    expect(problemsOf(changed({ containers: [{ image: 'x' }] })).join()).toMatch(/required property 'name'/);
  });
});

describe('every pod', () => {
  it.each(workloads.map(({ manifest }) => [manifest.metadata.name, manifest] as const))(
    '%s is nobody, cannot write to its image, and may do nothing',
    (_, manifest) => {
      const pod = podOf(manifest);
      expect(pod.securityContext).toEqual({
        ...{ runAsNonRoot: true, runAsUser: 1000, runAsGroup: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      });
      expect(pod.automountServiceAccountToken).toBe(false);
      named('ServiceAccount', pod.serviceAccountName);
      for (const container of pod.containers) {
        expect(container.securityContext).toEqual({
          ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
        });
        expect(container.image).toBe('surety');
        expect(container.resources.limits?.memory).toMatch(/^\d+[MG]i$/);
        const script = (container.command[1] ?? '').replace('dist/', '').replace(/\.js$/, '.ts');
        expect([container.command[0], existsSync(join(repository, script))]).toEqual(['node', true]);
        for (const { configMapRef, secretRef } of container.envFrom ?? []) {
          if (configMapRef !== undefined) named('ConfigMap', configMapRef.name);
          if (secretRef !== undefined) named('Secret', secretRef.name);
        }
      }
    },
  );

  it('gets every setting that its process has to have, and no other process’s secrets', () => {
    const { services } = parse(readFileSync(join(repository, 'docker-compose.yml'), 'utf8'), { merge: true }) as {
      services: Record<string, { command?: string[]; environment?: Record<string, unknown> }>;
    };
    for (const { manifest } of workloads) {
      const [container] = podOf(manifest).containers;
      const settings = new Set((container?.env ?? []).map(({ name }) => name));
      for (const { configMapRef, secretRef } of container?.envFrom ?? []) {
        const data =
          configMapRef === undefined
            ? named('Secret', secretRef?.name ?? '').stringData
            : named('ConfigMap', configMapRef.name).data;
        for (const name of Object.keys(data ?? {})) settings.add(name);
      }
      const service = Object.values(services).find(({ command }) => String(command) === String(container?.command));
      // Those with a default are not needed.
      const optional = ['SURETY_TEST_MODE', 'LOG_LEVEL'];
      const missing = Object.keys(service?.environment ?? {}).filter(
        (name) => !settings.has(name) && !optional.includes(name) && !/^OPERATOR_|CONSOLE|TEMPORAL_UI|OTEL/.test(name),
      );
      expect({ name: manifest.metadata.name, missing }).toEqual({ name: manifest.metadata.name, missing: [] });
      expect(settings.has('DATABASE_ADMIN_URL')).toBe(manifest.metadata.name === 'surety-migrate');
    }
  });
});

describe('api and worker', () => {
  it.each(['surety-api', 'surety-worker'])('%s is probed, spread, scaled and never gone at once', (name) => {
    const [container] = podOf(named('Deployment', name)).containers;
    expect(container?.livenessProbe?.httpGet.path).toBe('/health/live');
    expect(container?.readinessProbe?.httpGet.path).toBe('/health/ready');
    expect(named('HorizontalPodAutoscaler', name).spec?.scaleTargetRef?.name).toBe(name);
    expect(named('PodDisruptionBudget', name).spec?.selector?.matchLabels).toEqual({ 'app.kubernetes.io/name': name });
  });

  it('a worker is given the time to finish a confirmation', () => {
    expect(podOf(named('Deployment', 'surety-worker')).terminationGracePeriodSeconds).toBe(90);
  });

  it('are scaled by what waits for a worker, where KEDA is used: by every queue but the one that waits for Invoicebox’s quota', () => {
    const [scaled] = manifestsIn('keda/worker.yaml');
    expect(scaled?.spec?.scaleTargetRef?.name).toBe('surety-worker');
    const settings = named('ConfigMap', 'surety-settings').data;
    for (const { type, metadata } of scaled?.spec?.triggers ?? []) {
      expect([type, metadata['endpoint'], metadata['namespace']]).toEqual([
        'temporal',
        settings?.['TEMPORAL_ADDRESS'],
        settings?.['TEMPORAL_NAMESPACE'],
      ]);
    }
    const queues = (scaled?.spec?.triggers ?? []).map(({ metadata }) => metadata['taskQueue']);
    expect(queues.sort()).toEqual(['background', 'imports', 'payments', 'webhooks']);
  });
});
