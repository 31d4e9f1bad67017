/** Routes of networks: the cluster's are ours, all others are the engine's; lists show both. */
import { createNetwork, removeNetwork } from '#control/networks';
import { namespaceLabel } from '#model/object/meta';
import { networkIdLabel, type Network } from '#model/object/network';
import { taskName } from '#model/object/task';
import { decode, holdBody, parseBody } from '../request/body.ts';
import { findOptional, requireManager, submit, type Context } from '../context.ts';
import type { View } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { optionalView, refuseOwnNetwork, refuseStandIn } from '../own-networks.ts';
import { readFilters, type Filters } from '../request/filters.ts';
import { listKeys, passesList, passesPrune, pruneKeys } from '../request/network-filters.ts';
import { predefinedNetwork, shownNetwork, type NetworkResource } from '../view/network.ts';
import { get, parameter, post, remove, type Answer, type Call, type Route } from '../router.ts';
import { clusterNetworkRequest, networkCreateRequest, type NetworkCreateRequest } from '../request/bodies.ts';

export function networkRoutes(context: Context): Route[] {
  return [
    get('/networks', async (call) => ({ status: 200, json: await listNetworks(call, context) })),
    get('/networks/{}', (call) => inspectNetwork(call, context)),
    post('/networks/create', (call) => create(call, context)),
    post('/networks/prune', async (call) => ({ status: 200, json: { NetworksDeleted: await prune(call, context) } })),
    remove('/networks/{}', (call) => removeOne(call, context)),
    post('/networks/{}/connect', (call) => passOn(call, context, 'attaching a container that is no task')),
    post('/networks/{}/disconnect', (call) => passOn(call, context, 'detaching a container')),
  ];
}

async function listNetworks(call: Call, context: Context): Promise<NetworkResource[]> {
  const filters = readFilters(call, listKeys);
  const reply = await context.engine.call('GET', `/networks${queryText(call)}`).catch(() => undefined);
  if (reply && reply.status >= 400 && reply.status < 500) throw engineError(reply.status, reply.text);
  const local = reply?.status === 200 ? (JSON.parse(reply.text) as NetworkResource[]) : [];
  const view = await optionalView(context);
  const used = view ? usedNetworks(view) : new Set<string>();
  const ours = [...(view?.list('network') ?? [])].map(shownNetwork).filter((network) => passesList(filters, network, () => used.has(network.Id)));
  return [...ours, ...local.filter((network) => network.Labels?.[networkIdLabel] === undefined)];
}

async function inspectNetwork(call: Call, context: Context): Promise<Answer> {
  const ref = parameter(call);
  const scope = call.query.get('scope') ?? '';
  const view = scope === 'local' ? undefined : await optionalView(context);
  const exact = view && (view.get('network', ref) ?? view.byName('network', ref));
  if (view && exact) return { status: 200, json: inspected(view, exact, call) };
  if (scope === 'swarm') return { status: 200, json: inspectSwarmScope(view, ref, call) };
  const reply = await context.engine.call('GET', `/networks/${encodeURIComponent(ref)}${queryText(call)}`).catch(() => undefined);
  if (reply?.status === 200) return { status: 200, json: JSON.parse(reply.text) as unknown };
  const prefixed = view && findOptional(view, 'network', ref);
  if (view && prefixed) return { status: 200, json: inspected(view, prefixed, call) };
  throw reply ? engineError(reply.status, reply.text) : notFound(ref);
}

function inspectSwarmScope(view: View | undefined, ref: string, call: Call): NetworkResource {
  const network = view && findOptional(view, 'network', ref);
  const shown = network ? inspected(view, network, call) : predefinedNetwork(ref);
  if (!shown) throw notFound(ref);
  return shown;
}

/** `verbose` adds the services with their tasks' addresses. */
function inspected(view: View, network: Network, call: Call): NetworkResource {
  const verbose = ['1', 'true'].includes(call.query.get('verbose') ?? '');
  return verbose ? { ...shownNetwork(network), Peers: [], Services: servicesOf(view, network) } : shownNetwork(network);
}

function servicesOf(view: View, network: Network): Record<string, object> {
  const services: Record<string, { VIP: string; Ports: string[]; LocalLBIndex: number; Tasks: object[] }> = {};
  for (const task of view.find('task', 'network', network.ID)) {
    const attachment = task.NetworksAttachments?.find((candidate) => candidate.Network.ID === network.ID);
    if (!attachment || task.Status.State !== 'running') continue;
    const entry = (services[task.Shoal.ServiceName] ??= { VIP: '', Ports: [], LocalLBIndex: 0, Tasks: [] });
    const EndpointIP = (attachment.Addresses[0] ?? '').split('/')[0] ?? '';
    const node = view.get('node', task.NodeID);
    entry.Tasks.push({
      Name: taskName(task),
      EndpointID: task.ID,
      EndpointIP,
      Info: { 'Host IP': node?.Status.Addr ?? '' },
    });
  }
  return services;
}

async function create(call: Call, context: Context): Promise<Answer> {
  const bytes = await holdBody(call.request);
  const body = parseBody(bytes);
  const request = decode(body, networkCreateRequest);
  if (!isClusterNetwork(request)) {
    await context.engine.passThrough(call.request, call.response, call.target, bytes);
    return 'sent';
  }
  requireManager(context.swarm.status());
  decode(body, clusterNetworkRequest);
  const { Scope: _scope, ...spec } = request;
  return await context.atLeader(call, async () => {
    const { ID } = await submit(context, call, createNetwork(spec));
    return { status: 201, json: { Id: ID, Warning: '' } };
  });
}

/** Networks of stacks are the cluster's whatever their driver: services are to be attached to them. */
function isClusterNetwork(request: NetworkCreateRequest): boolean {
  return request.Driver === 'overlay' || request.Scope === 'swarm' || request.Labels?.[namespaceLabel] !== undefined;
}

async function removeOne(call: Call, context: Context): Promise<Answer> {
  const ref = parameter(call);
  const view = await optionalView(context);
  if (view && (view.get('network', ref) ?? view.byName('network', ref))) {
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
  await submit(context, call, removeNetwork(ref));
  return { status: 204 };
}

/** To the engine, unless the network is the cluster's. */
async function passOn(call: Call, context: Context, what: string): Promise<Answer> {
  await refuseOwnNetwork(context, parameter(call), what);
  await context.engine.passThrough(call.request, call.response, call.target);
  return 'sent';
}

async function prune(call: Call, context: Context): Promise<string[]> {
  const filters = readFilters(call, pruneKeys);
  const view = await optionalView(context);
  const deleted: string[] = [];
  for (const network of view ? unusedNetworks(view, filters, context.clock.now()) : []) {
    // One that came into use meanwhile is refused by `control`, and stays.
    await submit(context, call, removeNetwork(network.ID)).then(
      () => deleted.push(network.Spec.Name),
      (error: unknown) => context.logger.info({ network: network.Spec.Name, error }, 'an unused network could not be removed: it stays until the next prune'),
    );
  }
  const reply = await context.engine.call('POST', `/networks/prune?filters=${encodeURIComponent(pruneFilters(filters))}`).catch(() => undefined);
  if (reply && reply.status >= 400) throw engineError(reply.status, reply.text);
  const local = reply ? (JSON.parse(reply.text) as { NetworksDeleted: string[] | null }).NetworksDeleted : [];
  return [...deleted, ...(local ?? [])];
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
