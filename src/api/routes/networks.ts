/** Routes of networks: the cluster's are ours, all others are the engine's; lists show both. */
import { Refusal } from '#base/refusal';
import { networkNamed } from '#control/find';
import { createNetwork, removeNetwork } from '#control/networks';
import { endingStacks } from '#control/stack/stack-states';
import { callOver } from '#http/over-connection';
import { withoutPrefix } from '#model/address';
import { namespaceLabel } from '#model/object/meta';
import { engineDrivers, networkIdLabel, type Network } from '#model/object/network';
import type { Service } from '#model/object/service';
import { taskName } from '#model/object/task';
import { swarmTexts } from '#model/swarm-texts';
import { decode, holdBody, parseBody, readBody } from '../request/body.ts';
import { findOptional, submit, type Context } from '../context.ts';
import { requireManager } from '../request/require-manager.ts';
import type { View } from '../dependencies.ts';
import { clusterIdOf, standInShown, standIns } from '../engine/stand-ins.ts';
import { HttpError } from '../errors.ts';
import { connectGuest, disconnectGuest } from '../guests/guest-routes.ts';
import { optionalView, refuseOwnNetwork, refuseStandIn } from '../own-networks.ts';
import { readFilters, type Filters } from '../request/filters.ts';
import { checkType, listKeys, passesList, passesPrune, pruneKeys } from '../request/network-filters.ts';
import { predefinedNetwork, shownNetwork, type NetworkResource } from '../view/network.ts';
import { get, parameter, post, remove, type Answer, type Call, type Route } from '../router.ts';
import { clusterNetworkRequest, networkCreateRequest, type NetworkCreateRequest } from '../request/bodies.ts';

export function networkRoutes(context: Context): Route[] {
  return [
    get('/networks', async (call) => ({ status: 200, json: await listNetworks(call, context) })),
    get('/networks/{}', (call) => inspectNetwork(call, context)),
    post('/networks/create', (call) => create(call, context)),
    post('/networks/prune', async (call) => ({ status: 200, json: { NetworksDeleted: noneIsNull(await prune(call, context)) } })),
    remove('/networks/{}', (call) => removeOne(call, context)),
    post('/networks/{}/connect', (call) => change(call, context, connectGuest, 'attaching a container that is no task')),
    post('/networks/{}/disconnect', (call) => change(call, context, disconnectGuest, 'detaching a container')),
  ];
}

async function listNetworks(call: Call, context: Context): Promise<NetworkResource[]> {
  const filters = readFilters(call, listKeys);
  checkType(filters);
  const reply = await context.engine.call('GET', `/networks${queryText(call)}`).catch(() => undefined);
  if (reply && reply.status >= 400 && reply.status < 500) throw engineError(reply.status, reply.text);
  const local = reply?.status === 200 ? (JSON.parse(reply.text) as NetworkResource[]) : [];
  const view = await optionalView(context);
  const strangers = local.filter((network) => network.Labels?.[networkIdLabel] === undefined);
  if (!view) {
    // A node that manages nothing shows those of the cluster's networks that it is on.
    const present = [...(await standIns(context.engine)).values()].map(standInShown);
    return [...present.filter((network) => passesList(filters, network, () => true)), ...strangers];
  }
  const used = usedNetworks(view);
  const ours = [...view.list('network')].map(shownNetwork).filter((network) => passesList(filters, network, () => used.has(network.Id)));
  return [...ours, ...strangers];
}

async function inspectNetwork(call: Call, context: Context): Promise<Answer> {
  const scope = call.query.get('scope') ?? '';
  if (!['', 'local', 'swarm', 'global'].includes(scope)) throw notFound(parameter(call));
  const view = scope === 'local' ? undefined : await optionalView(context);
  const here = await standIns(context.engine);
  const standIn = here.get(parameter(call));
  const ref = standIn ? clusterIdOf(standIn) : parameter(call);
  const byId = view?.get('network', ref);
  if (view && byId) return { status: 200, json: await inspected(view, byId, here, call, context) };
  const stranger = scope === 'swarm' ? undefined : await strangerOf(ref, call, context);
  const named = view && networkNamed(view, ref);
  if (view && named && stranger?.Name === ref) throw ambiguous(ref, 'name');
  if (view && named) return { status: 200, json: await inspected(view, named, here, call, context) };
  if (stranger && (stranger.Name === ref || stranger.Id === ref)) return { status: 200, json: stranger };
  const prefixed = view && [...view.list('network')].filter((network) => network.ID.startsWith(ref));
  if ((prefixed?.length ?? 0) + (stranger ? 1 : 0) > 1) throw ambiguous(ref, 'ID prefix', (prefixed?.length ?? 0) + (stranger ? 1 : 0));
  if (view && prefixed?.[0]) return { status: 200, json: await inspected(view, prefixed[0], here, call, context) };
  const shown = stranger ?? predefined(ref, scope) ?? (view || scope === 'local' ? undefined : await standInOf(ref, here, context));
  if (!shown) throw notFound(ref);
  return { status: 200, json: shown };
}

/** The engine's own network of that name, id, or beginning of one. Throws what the engine refuses for another reason than that there is none. */
async function strangerOf(ref: string, call: Call, context: Context): Promise<NetworkResource | undefined> {
  const reply = await context.engine.call('GET', `/networks/${encodeURIComponent(ref)}${queryText(call)}`).catch(() => undefined);
  if (reply && reply.status !== 200 && reply.status !== 404) throw engineError(reply.status, reply.text);
  const found = reply?.status === 200 ? (JSON.parse(reply.text) as NetworkResource) : undefined;
  return found?.Labels?.[networkIdLabel] === undefined ? found : undefined;
}

/** In the scope of the swarm by name; the id that is shown for one stands for it anywhere. */
function predefined(ref: string, scope: string): NetworkResource | undefined {
  const found = scope === 'local' ? undefined : predefinedNetwork(ref);
  return scope === 'swarm' || found?.Id === ref ? found : undefined;
}

/** With what is attached to it on this node, and the nodes that are on it. */
async function standInOf(ref: string, here: ReadonlyMap<string, NetworkResource>, { engine, swarm, nodes }: Context): Promise<NetworkResource | undefined> {
  const networks = [...here.values()].map((standIn) => ({ standIn, shown: standInShown(standIn) }));
  const found = networks.find(({ shown: { Id, Name } }) => Id === ref || Name === ref) ?? networks.find(({ shown }) => shown.Id.startsWith(ref));
  if (!found) return undefined;
  const { NodeID: nodeId, NodeAddr: address } = swarm.status();
  const Peers = [{ nodeId, address }, ...(nodes?.neighbours(found.shown.Id) ?? [])].map((node) => peer(node.nodeId, node.address));
  return { ...found.shown, Containers: await attachedTo(found.standIn, engine), Peers };
}

/** What is attached to a network on this node: an engine's list of networks does not say it. */
async function attachedTo({ Id }: NetworkResource, engine: Context['engine']): Promise<object> {
  return (await engine.read<NetworkResource>(`/networks/${Id}`))?.Containers ?? {};
}

function ambiguous(ref: string, by: string, count = 2): HttpError {
  return new HttpError(400, `network ${ref} is ambiguous (${count} matches found based on ${by})`);
}

/** With what is attached to it on this node, and the nodes that are on it; `verbose` adds the services with their tasks' addresses. */
async function inspected(view: View, network: Network, here: ReadonlyMap<string, NetworkResource>, call: Call, context: Context): Promise<NetworkResource> {
  const verbose = ['1', 'true'].includes(call.query.get('verbose') ?? '');
  const standIn = [...here.values()].find((each) => clusterIdOf(each) === network.ID);
  const Peers = standIn ? peersOf(view, network, context.swarm.status().NodeID) : [];
  return {
    ...shownNetwork(network),
    ...(standIn && { Containers: await attachedTo(standIn, context.engine) }),
    ...((standIn || verbose) && { Peers }),
    ...(verbose && { Services: servicesOf(view, network) }),
  };
}

/** Nodes with an address of their own in the network, and this one. */
function peersOf(view: View, network: Network, ownId: string): object[] {
  const nodes = [...view.list('node')].filter((node) => node.ID === ownId || node.Shoal?.Gateways?.[network.ID] !== undefined);
  return nodes.map((node) => peer(node.ID, node.Status.Addr));
}

function peer(nodeId: string, address: string): object {
  return { Name: nodeId.slice(0, 12), IP: address };
}

function servicesOf(view: View, network: Network): Record<string, object> {
  const services = new Map<string, { VIP: string; Ports: string[]; LocalLBIndex: number; Tasks: object[] }>();
  for (const task of view.find('task', 'network', network.ID)) {
    const attachment = task.NetworksAttachments?.find((candidate) => candidate.Network.ID === network.ID);
    if (!attachment || task.Status.State !== 'running') continue;
    const { ServiceName } = task.Shoal;
    const entry = services.get(ServiceName) ?? { ...waysTo(view.get('service', task.ServiceID), network), LocalLBIndex: 0, Tasks: [] };
    services.set(ServiceName, entry);
    const EndpointIP = withoutPrefix(attachment.Addresses[0] ?? '');
    const node = view.get('node', task.NodeID);
    entry.Tasks.push({
      Name: taskName(task),
      EndpointID: task.ID,
      EndpointIP,
      Info: { 'Host IP': node?.Status.Addr ?? '' },
    });
  }
  return Object.fromEntries(services);
}

/** The service's own address in the network; of the ingress network its published ports, in Docker's words. */
function waysTo(service: Service | undefined, { ID, Spec }: Network): { VIP: string; Ports: string[] } {
  const { VirtualIPs = [], Ports = [] } = service?.Endpoint ?? {};
  const published = Spec.Ingress ? Ports.filter(({ PublishMode }) => PublishMode !== 'host') : [];
  return {
    VIP: withoutPrefix(VirtualIPs.find(({ NetworkID }) => NetworkID === ID)?.Addr ?? ''),
    Ports: published.map(({ TargetPort, PublishedPort }) => `Target: ${TargetPort}, Publish: ${PublishedPort}`),
  };
}

async function create(call: Call, context: Context): Promise<Answer> {
  const bytes = await holdBody(call.request);
  const body = parseBody(bytes);
  const request = decode(body, networkCreateRequest);
  const name = request.Name || '';
  if (!isClusterNetwork(request)) {
    const view = name === '' ? undefined : await optionalView(context);
    if (view && networkNamed(view, name)) throw taken(name);
    if (view && request.Driver && !engineDrivers.includes(request.Driver)) return await createByPlugin(call, context, body as object, request.Driver);
    await context.engine.passThrough(call.request, call.response, call.target, bytes);
    return 'sent';
  }
  refuseElsewhere(request, context);
  if (name.trim() === '') throw new HttpError(400, `invalid name: ${name}`);
  decode(body, clusterNetworkRequest);
  const { Scope = '', EnableIPv4 = true, ...spec } = request;
  if (Scope === 'local') throw new HttpError(403, 'cannot downgrade network scope for overlay networks');
  if (!['', 'swarm'].includes(Scope)) throw new HttpError(400, `Scope ${Scope} is not supported: a network of the cluster is on all nodes (scope swarm)`);
  if (!EnableIPv4) throw new HttpError(501, 'EnableIPv4=false is not supported: networks of the cluster have addresses of version 4');
  await refuseTakenName(name, context);
  return await context.atLeader(call, async () => {
    const { ID } = await submit(context, call, createNetwork(spec));
    return { status: 201, json: { Id: ID, Warning: '' } };
  });
}

/** By a plugin of this engine, which says of one for several hosts that it wants a swarm: it is in none, and the cluster's networks are none of a plugin's. */
async function createByPlugin(call: Call, { engine }: Context, body: object, driver: string): Promise<Answer> {
  const reply = await engine.exchange(call, body);
  const { message = '' } = (reply.json ?? {}) as { message?: string };
  if (reply.status < 400 || message !== swarmTexts.inactive) return reply;
  throw new HttpError(400, `plugin ${driver} of type NetworkDriver is not supported in swarm mode: networks of the cluster have the driver overlay`);
}

/** Where there is nobody to ask, and on a worker, in the words that Docker has for networks. */
function refuseElsewhere({ Driver = '' }: NetworkCreateRequest, context: Context): void {
  const { LocalNodeState, ControlAvailable } = context.swarm.status();
  if (LocalNodeState === 'inactive' && Driver !== 'overlay') throw new HttpError(403, 'cannot create a swarm scoped network when swarm is not active');
  if (LocalNodeState === 'active' && !ControlAvailable) {
    throw new HttpError(403, 'Cannot create a multi-host network from a worker node. Please create the network from a manager node.');
  }
  requireManager(context.swarm.status());
}

/** As Go tells a list that nothing was put into. */
function noneIsNull(names: readonly string[]): readonly string[] | null {
  return names.length > 0 ? names : null;
}

/** A name means one network: the engine's own are looked at as well as the cluster's. */
async function refuseTakenName(name: string, context: Context): Promise<void> {
  if (name === '') return;
  if (['none', 'default'].includes(name)) throw new HttpError(403, `operation is not permitted on predefined ${name} network `);
  const local = await context.engine.read<NetworkResource>(`/networks/${encodeURIComponent(name)}`);
  if (local?.Name === name && local.Labels?.[networkIdLabel] === undefined) throw taken(name);
}

function taken(name: string): HttpError {
  return new HttpError(409, `network with name ${name} already exists`);
}

/** Networks of stacks are the cluster's whatever their driver: services are to be attached to them. */
function isClusterNetwork(request: NetworkCreateRequest): boolean {
  return request.Driver === 'overlay' || request.Scope === 'swarm' || request.Labels?.[namespaceLabel] !== undefined;
}

async function removeOne(call: Call, context: Context): Promise<Answer> {
  const ref = parameter(call);
  const view = await optionalView(context);
  if (view && (view.get('network', ref) ?? networkNamed(view, ref))) {
    return await context.atLeader(call, () => removeAtLeader(call, context, ref));
  }
  if (context.removals.has(ref)) return { status: 204 };
  refuseStandIn(view, await context.engine.read<NetworkResource>(`/networks/${encodeURIComponent(ref)}`), 'removing what stands for it on this node');
  const reply = await context.engine.call('DELETE', `/networks/${encodeURIComponent(ref)}`);
  if (reply.status < 300) return { status: reply.status };
  if (reply.status === 404 && view && findOptional(view, 'network', ref)) {
    return await context.atLeader(call, () => removeAtLeader(call, context, ref));
  }
  throw engineError(reply.status, reply.text);
}

async function removeAtLeader(call: Call, context: Context, ref: string): Promise<Answer> {
  await submit(context, call, endingStacks(removeNetwork(ref)));
  return { status: 204 };
}

/** What a container has on the cluster's networks is the cluster's to give; all else is the engine's. */
async function change(call: Call, context: Context, guest: typeof connectGuest, what: string): Promise<Answer> {
  const done = context.guests && (await guest(call, context, context.guests));
  if (done) return done;
  await refuseOwnNetwork(context, parameter(call), what);
  await context.engine.passThrough(call.request, call.response, call.target, await holdBody(call.request));
  return 'sent';
}

async function prune(call: Call, context: Context): Promise<string[]> {
  const filters = readFilters(call, pruneKeys);
  const view = await optionalView(context);
  const deleted: string[] = [];
  for (const network of view ? unusedNetworks(view, filters, context.clock.now()) : []) {
    await removeUnused(call, context, network).then(
      () => deleted.push(network.Spec.Name),
      (error: unknown) => context.logger.info({ network: network.Spec.Name, error }, 'an unused network could not be removed: it stays until the next prune'),
    );
  }
  const reply = await context.engine.call('POST', `/networks/prune?filters=${encodeURIComponent(pruneFilters(filters))}`).catch(() => undefined);
  if (reply && reply.status >= 400) throw engineError(reply.status, reply.text);
  const local = reply ? (JSON.parse(reply.text) as { NetworksDeleted: string[] | null }).NetworksDeleted : [];
  return [...deleted, ...(local ?? [])];
}

/** At whoever leads: the rest of the request is this node's own. What came into use meanwhile is refused by `control`, and stays. */
async function removeUnused(call: Call, context: Context, { ID }: Network): Promise<void> {
  const { leader } = context;
  if (!leader || leader.alone() || leader.leads()) {
    await submit(context, call, endingStacks(removeNetwork(ID)));
    return;
  }
  const connection = leader.open();
  if (!connection) throw new Refusal('unavailable', swarmTexts.starting);
  const reply = await callOver(connection, { method: 'DELETE', path: `/networks/${ID}`, headers: [['Host', 'leader']], signal: call.signal });
  const text = (await readBody(reply)).toString();
  if ((reply.statusCode ?? 500) >= 300) throw engineError(reply.statusCode ?? 500, text);
}

/** The caller's filters, sparing the Docker networks that stand for cluster networks: the agent alone removes those. */
function pruneFilters(filters: Filters): string {
  return JSON.stringify({ ...Object.fromEntries(filters), 'label!': [...(filters.get('label!') ?? []), networkIdLabel] });
}

function unusedNetworks(view: View, filters: Filters, now: number): Network[] {
  const used = usedNetworks(view);
  return [...view.list('network')].filter((network) => !network.Spec.Ingress && !used.has(network.ID) && passesPrune(filters, shownNetwork(network), now));
}

/** Ids of networks that a service names or a live task is attached to. */
function usedNetworks(view: View): ReadonlySet<string> {
  const used = new Set<string>();
  for (const service of view.list('service')) {
    for (const { Target = '' } of service.Spec.TaskTemplate.Networks ?? []) used.add(Target);
  }
  for (const id of view.keys('task', 'network')) used.add(id);
  return used;
}

function queryText(call: Call): string {
  const text = call.query.toString();
  return text === '' ? '' : `?${text}`;
}

function notFound(ref: string): HttpError {
  return new HttpError(404, `network ${ref} not found`);
}

/** The engine's refusal, in its own words. */
function engineError(status: number, text: string): HttpError {
  try {
    const { message } = JSON.parse(text) as { message?: string };
    return new HttpError(status, message ?? text);
  } catch {
    return new HttpError(status, text);
  }
}
