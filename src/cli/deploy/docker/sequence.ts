/** A stack sent to a Swarm as `docker stack deploy` sends it: the same requests in the same order, the same texts. */
import type { ResolveImages } from '#model/image/image-pin';
import { normalImage } from '#model/image/image-reference';
import { withIds, type PlannedService, type Stage, type StrictPlan } from '#compose/strict/plan';
import { imageLabel, namespaceLabel } from '#model/object/meta';
import type { Secret, SecretSpec } from '#model/object/secret';
import type { Service } from '#model/object/service';
import type { ServiceSpec } from '#model/object/service-spec';
import { swarmTexts } from '#model/swarm-texts';
import type { OtherDrivers } from '#swarm/bodies';
import { createFile, createNetwork, createService, updateFile, updateService } from '#swarm/requests';
import { ApiError, filters, type Client } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import type { Session } from '../../session.ts';
import { pinImage } from '../images.ts';
import { inOrderOf } from './order.ts';
import { knownIds } from './references.ts';
import { removeServices } from './remove.ts';

export interface SequenceOptions {
  prune: boolean;
  resolveImage: ResolveImages;
  otherDrivers: OtherDrivers;
  /** X-Registry-Auth for an image, when the nodes are to have it. */
  registryAuth?: (image: string) => Promise<string>;
  /** Somebody waits for what is sent: each service is read back, for a wait is bound to what the engine stored. */
  wait: boolean;
}

/** A service that was created or updated. */
export interface SentService {
  ID: string;
  Name: string;
  /** As the engine stores it where somebody will wait for this one, else as it was sent. */
  Spec: ServiceSpec;
}

/** Networks that every engine has; the last is Docker's name for the network of a plain container. */
const engineNetworks: readonly string[] = ['host', 'bridge', 'none', 'default'];

/** Throws CommandError at the first request that is refused; what was sent before it stays. */
export async function sendStack(session: Session, plan: StrictPlan, options: SequenceOptions): Promise<SentService[]> {
  const { client } = session;
  await checkManager(client);
  if (options.prune) await pruneServices(session, plan);
  await checkExternalNetworks(client, plan.externalNetworks);
  await createNetworks(session, plan, options.otherDrivers);
  await sendFiles(session, 'secret', reached(plan.secrets));
  await sendFiles(session, 'config', reached(plan.configs));
  const specs: ServiceSpec[] = [];
  for (const service of plan.services) specs.push(await resolvedSpec(client, service));
  return sendServices(session, plan.stack, specs, options);
}

/** The name that a service has in the stack's files. */
export function keyInStack(stack: string, name: string): string {
  return name.startsWith(`${stack}_`) ? name.slice(stack.length + 1) : name;
}

export function stackFilter(stack: string): { filters?: string } {
  return filters({ label: [`${namespaceLabel}=${stack}`] });
}

async function checkManager(client: Client): Promise<void> {
  const info = await client.get<{ Swarm?: { ControlAvailable?: boolean } }>('/info');
  if (info.Swarm?.ControlAvailable) return;
  throw new CommandError(swarmTexts.inactiveToClient);
}

/** Services that the files no longer have go before anything is made. */
async function pruneServices(session: Session, { stack, serviceKeys }: StrictPlan): Promise<void> {
  const kept = new Set(serviceKeys);
  const services = await listed(session, stack);
  await removeServices(
    session,
    services.filter((service) => !kept.has(keyInStack(stack, service.Spec.Name))),
  );
}

/** A list that fails does not stop a prune: there is nothing to remove then. */
async function listed({ client, terminal }: Session, stack: string): Promise<Service[]> {
  try {
    return await client.get<Service[]>('/services', stackFilter(stack));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    terminal.error(`Failed to list services: ${error.message}`);
    return [];
  }
}

async function checkExternalNetworks(client: Client, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (engineNetworks.includes(name) || name.startsWith('container:')) continue;
    const network = await client.find<{ Scope: string }>(`/networks/${encodeURIComponent(name)}`);
    const declared = `network "${name}" is declared as external, but`;
    if (!network) throw new CommandError(`${declared} could not be found. You need to create a swarm-scoped network before the stack is deployed`);
    if (network.Scope !== 'swarm') throw new CommandError(`${declared} it is not in the right scope: "${network.Scope}" instead of "swarm"`);
  }
}

/** A network that is there already is left as it is. */
async function createNetworks({ client, terminal }: Session, plan: StrictPlan, otherDrivers: OtherDrivers): Promise<void> {
  const present = new Set((await client.get<{ Name: string }[]>('/networks', stackFilter(plan.stack))).map((network) => network.Name));
  for (const network of plan.networks) {
    if (present.has(network.Name)) continue;
    terminal.out(`Creating network ${network.Name}`);
    await told(`failed to create network ${network.Name}`, () => createNetwork(client, network, otherDrivers));
  }
}

/** What exists is always updated: the daemon accepts new labels and the same data, and refuses other data. */
async function sendFiles({ client, terminal }: Session, kind: 'secret' | 'config', specs: readonly SecretSpec[]): Promise<void> {
  for (const spec of specs) {
    const present = await client.find<Secret>(`/${kind}s/${encodeURIComponent(spec.Name)}`);
    if (present) {
      await told(`failed to update ${kind} ${spec.Name}`, () => updateFile(client, kind, present, spec));
      continue;
    }
    terminal.out(`Creating ${kind} ${spec.Name}`);
    await told(`failed to create ${kind} ${spec.Name}`, () => createFile(client, kind, spec));
  }
}

/** The spec with the ids of its secrets and configs, looked up by name. */
async function resolvedSpec(client: Client, service: PlannedService): Promise<ServiceSpec> {
  const what = `service ${service.key}`;
  const secretNames = reached(service.secrets).map((reference) => reference.SecretName);
  const secret = await told(what, () => knownIds(client, 'secret', secretNames));
  const namesOfConfigs = configNames(service);
  const config = await told(what, () => knownIds(client, 'config', namesOfConfigs));
  return withIds(reached(service.spec), { secret, config });
}

/** The config of a credential spec is looked up with those that are mounted. */
function configNames({ configs, spec }: PlannedService): string[] {
  const mounted = reached(configs).map((reference) => reference.ConfigName);
  const credential = spec.ok ? spec.value.TaskTemplate.ContainerSpec?.Privileges?.CredentialSpec?.Config : undefined;
  return [...new Set([...mounted, ...(credential ? [credential] : [])])];
}

async function sendServices(session: Session, stack: string, specs: readonly ServiceSpec[], options: SequenceOptions): Promise<SentService[]> {
  const services = await session.client.get<Service[]>('/services', stackFilter(stack));
  const present = new Map(services.map((service) => [service.Spec.Name, service]));
  const sent: SentService[] = [];
  for (const spec of specs) {
    const before = present.get(spec.Name);
    const auth = await options.registryAuth?.(rawImage(spec));
    const ID = before ? await update(session, before, spec, options.resolveImage, auth) : await create(session, spec, options.resolveImage, auth);
    const stored = options.wait ? await session.client.get<Service>(`/services/${ID}`, { insertDefaults: 'false' }) : undefined;
    sent.push({ ID, Name: spec.Name, Spec: stored?.Spec ?? spec });
  }
  return sent;
}

async function create({ client, terminal }: Session, spec: ServiceSpec, resolve: ResolveImages, auth: string | undefined): Promise<string> {
  terminal.out(`Creating service ${spec.Name}`);
  const tagged = withImage(spec, normalImage(imageOf(spec)));
  // Docker's CLI keeps the warning about an image without a digest to itself here.
  const { spec: pinned } = resolve === 'never' ? { spec: tagged } : await pinImage(client, tagged, auth);
  return told(`failed to create service ${spec.Name}`, () => createService(client, pinned, auth));
}

async function update({ client, terminal }: Session, before: Service, spec: ServiceSpec, resolve: ResolveImages, auth: string | undefined): Promise<string> {
  terminal.out(`Updating service ${spec.Name} (id: ${before.ID})`);
  const sameImage = rawImage(spec) === (before.Spec.Labels?.[imageLabel] ?? '');
  const ask = resolve === 'always' || (resolve === 'changed' && !sameImage);
  // An image that nobody changed keeps the digest it runs with; asking anew could restart its tasks.
  const wanted = !ask && sameImage ? imageOf(before.Spec) : imageOf(spec);
  const { TaskTemplate: task, ...rest } = inOrderOf(before.Spec, spec);
  const carried = { ...rest, TaskTemplate: { ...task, ForceUpdate: before.Spec.TaskTemplate.ForceUpdate ?? 0 } };
  const tagged = withImage(carried, normalImage(wanted));
  const { spec: pinned, warning } = ask ? await pinImage(client, tagged, auth) : { spec: tagged, warning: undefined };
  const warnings = await told(`failed to update service ${spec.Name}`, () => updateService(client, before, pinned, auth));
  for (const text of [...warnings, ...(warning === undefined ? [] : [warning])]) terminal.error(text);
  return before.ID;
}

function imageOf(spec: ServiceSpec): string {
  return spec.TaskTemplate.ContainerSpec?.Image ?? '';
}

/** The image as the file has it. */
function rawImage(spec: ServiceSpec): string {
  return spec.Labels?.[imageLabel] ?? imageOf(spec);
}

function withImage(spec: ServiceSpec, Image: string): ServiceSpec {
  return { ...spec, TaskTemplate: { ...spec.TaskTemplate, ContainerSpec: { ...spec.TaskTemplate.ContainerSpec, Image } } };
}

function reached<T>(stage: Stage<T>): T {
  if (!stage.ok) throw new CommandError(stage.error);
  return stage.value;
}

/** A refusal with what was attempted before it. */
async function told<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt();
  } catch (error) {
    if (error instanceof CommandError) throw new CommandError(`${what}: ${error.message}`, error.exitCode);
    throw error;
  }
}
