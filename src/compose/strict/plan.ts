/** A loaded stack as the series of stages in which `docker stack deploy` sends it; a stage may fail when it is reached. */
import { Refusal } from '#base/refusal';
import { compareTexts } from '#base/text/text';
import type { NetworkSpec } from '#model/object/network';
import type { SecretSpec } from '#model/object/secret';
import type { ConfigReference, SecretReference, ServiceSpec } from '#model/object/service-spec';
import type { LoadRequest } from '../compose.ts';
import { configReferences, convertFiles, secretReferences } from '../convert/secrets-and-configs.ts';
import type { ConvertedFiles, FileKind } from '../convert/secrets-and-configs.ts';
import { convertNetworks } from '../convert/networks.ts';
import { convertService } from '../convert/service.ts';
import { contextOf } from '../normalise/context.ts';
import type { Project, ServiceModel } from '../project.ts';
import { checkForDeploy, loadStrictProject } from './load.ts';
import type { Notice } from './notices.ts';

/** Either what a stage yields or the text it fails with. */
export type Stage<T> = { ok: true; value: T } | { ok: false; error: string };

export interface StrictPlan {
  stack: string;
  /** Keys of all services, for --prune. */
  serviceKeys: readonly string[];
  externalNetworks: readonly string[];
  externalSecrets: readonly string[];
  externalConfigs: readonly string[];
  networks: readonly NetworkSpec[];
  secrets: Stage<readonly SecretSpec[]>;
  configs: Stage<readonly SecretSpec[]>;
  services: readonly PlannedService[];
}

export interface PlannedService {
  key: string;
  /** Secrets and configs to look up by name before the spec is made; a failure here precedes the look-up. */
  secrets: Stage<readonly SecretReference[]>;
  configs: Stage<readonly ConfigReference[]>;
  spec: Stage<ServiceSpec>;
}

export interface StrictResult {
  notices: readonly Notice[];
  /** Text for stderr before exit 1; then there is no plan. */
  error?: string;
  /** Facts of the error: file, line, column, key where known. */
  facts?: Readonly<Record<string, unknown>>;
  plan?: StrictPlan;
}

/** Ids of secrets and configs by their names in the cluster. */
export interface KnownIds {
  secret: (name: string) => string;
  config: (name: string) => string;
}

/** The spec as it is sent: references by id beside the name, a credential spec's config by id alone. */
export function withIds(spec: ServiceSpec, ids: KnownIds): ServiceSpec {
  const container = spec.TaskTemplate.ContainerSpec ?? {};
  const credential = container.Privileges?.CredentialSpec;
  const filled = {
    ...container,
    ...(container.Secrets && { Secrets: container.Secrets.map((item) => ({ ...item, SecretID: ids.secret(item.SecretName) })) }),
    ...(container.Configs && { Configs: container.Configs.map((item) => ({ ...item, ConfigID: ids.config(item.ConfigName) })) }),
    ...(credential?.Config && { Privileges: { ...container.Privileges, CredentialSpec: { ...credential, Config: ids.config(credential.Config) } } }),
  };
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: filled } };
}

/** Loads for a deploy. Never throws on bad files. */
export function loadStrict(request: LoadRequest): StrictResult {
  const notices: Notice[] = [];
  const stack = request.stack ?? '';
  try {
    if (stack.replace(/^[\s'"]+|[\s'"]+$/g, '') === '') throw new Refusal('invalidArgument', `invalid stack name: "${stack}"`);
    const loaded = loadStrictProject(request, notices);
    checkForDeploy(loaded, notices);
    return { notices, plan: planOf(loaded.project, stack, request) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { notices, error: error.message, facts: error.facts };
  }
}

function stage<T>(make: () => T, prefix = ''): Stage<T> {
  try {
    return { ok: true, value: make() };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, error: prefix + error.message };
  }
}

function planOf(project: Project, stack: string, request: LoadRequest): StrictPlan {
  const { networks, external } = convertNetworks(project, stack);
  const context = contextOf(request, () => undefined);
  const read = (_kind: FileKind, _key: string, model: { file?: string }): Uint8Array => context.read(model.file ?? '');
  const secrets = stage(() => convertFiles('secret', project, stack, read, false));
  const configs = stage(() => convertFiles('config', project, stack, read, false));
  const plan = (key: string, service: ServiceModel): PlannedService => plannedService(key, service, project, stack, secrets, configs);
  return {
    stack,
    serviceKeys: Object.keys(project.services),
    externalNetworks: external,
    externalSecrets: secrets.ok ? secrets.value.external : [],
    externalConfigs: configs.ok ? configs.value.external : [],
    networks,
    secrets: secrets.ok ? { ok: true, value: secrets.value.specs } : secrets,
    configs: configs.ok ? { ok: true, value: configs.value.specs } : configs,
    services: Object.entries(project.services)
      .sort(([a], [b]) => compareTexts(a, b))
      .map(([key, service]) => plan(key, service)),
  };
}

function plannedService(
  key: string,
  service: ServiceModel,
  project: Project,
  stack: string,
  secrets: Stage<ConvertedFiles>,
  configs: Stage<ConvertedFiles>,
): PlannedService {
  const prefix = `service ${key}: `;
  const secretRefs = stage(() => (secrets.ok ? secretReferences(service, project, secrets.value.names) : []), prefix);
  const configRefs = stage(() => (configs.ok ? configReferences(service, project, configs.value.names) : []), prefix);
  const input = {
    key,
    service,
    project,
    stack,
    secrets: secretRefs.ok ? secretRefs.value : [],
    configs: configRefs.ok ? configRefs.value : [],
    wholeMounts: false,
  };
  return { key, secrets: secretRefs, configs: configRefs, spec: stage(() => convertService(input), prefix) };
}
