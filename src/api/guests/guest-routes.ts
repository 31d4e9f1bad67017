/** Containers that are no task's, on attachable networks of the cluster: made there, connected and taken off. */
import { randomUUID } from 'node:crypto';
import { Refusal } from '#base/refusal';
import { guestKey, type GuestPlace } from '#model/guest';
import { nodeIdLabel } from '#model/object/meta';
import { networkIdLabel, nodeLocalNetworks } from '#model/object/network';
import { findOptional, type Context } from '../context.ts';
import type { GuestsLine } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { optionalView } from '../own-networks.ts';
import { holdBody, parseBody } from '../request/body.ts';
import { parameter, type Answer, type Call } from '../router.ts';
import type { NetworkResource } from '../view/network.ts';
import { askedEndpoint, endpointAsked, field, guestBody, guestEndpoint, type AskedEndpoint } from './guest-body.ts';

interface InspectedContainer {
  Id: string;
  Name: string;
  State?: { Running?: boolean };
  /** By the engine's names of them. */
  NetworkSettings?: { Networks?: Readonly<Record<string, object>> | null };
}

interface Place extends GuestPlace {
  ref: string;
}

/** One of the cluster's networks: its id; or what was written, where only the managers can say whether there is such a one. */
interface Meant {
  ref: string;
  sure: boolean;
}

/** The cluster's network that `ref` means: its id, or `ref` itself where only the managers can say whether it is one. */
async function clusterNetworkOf(context: Context, ref: string): Promise<Meant | undefined> {
  if (ref === '' || ref === 'default' || nodeLocalNetworks.includes(ref) || ref.startsWith('container:')) return undefined;
  const view = await optionalView(context);
  const ours = view && findOptional(view, 'network', ref);
  const local = await context.engine.read<NetworkResource>(`/networks/${encodeURIComponent(ref)}`);
  const { LocalNodeState, NodeID } = context.swarm.status();
  const id = local?.Labels?.[networkIdLabel];
  // What an engine has of a cluster that this node was in before counts for nothing: it was another node there.
  const left = id !== undefined && local?.Labels?.[nodeIdLabel] !== NodeID;
  if (id !== undefined && !left && (!view || view.get('network', id))) return { ref: id, sure: true };
  // A network of the engine's own goes before one of ours whose id merely begins like its name.
  if (ours && (!local || [ours.Spec.Name, ours.ID].includes(ref))) return { ref: ours.ID, sure: true };
  return !view && (!local || left) && LocalNodeState === 'active' ? { ref, sure: false } : undefined;
}

/** `POST /containers/create` that names these networks; undefined: none of them is the cluster's. */
export async function createGuest(call: Call, context: Context, guests: GuestsLine, body: unknown, refs: readonly string[]): Promise<Answer | undefined> {
  const key = guestKey(randomUUID());
  let asked = false;
  const places: Place[] = [];
  const giveUp = async (): Promise<void> => {
    if (places[0]) await guests.release(places[0].taskId, undefined, key);
  };
  try {
    for (const ref of refs) {
      const network = await clusterNetworkOf(context, ref);
      // The same network, written in another way.
      const known = places.find(({ networkId }) => networkId === network?.ref);
      const place = known
        ? { ...known, ref }
        : await placeFor(guests, network, { key, name: call.query.get('name') ?? key, ref, asked: askedEndpoint(body, ref) });
      if (place) places.push(place);
    }
    const [first] = places;
    if (!first) return undefined;
    asked = true;
    const reply = await context.engine.exchange(call, guestBody(body, places, key));
    const { Id } = (reply.json ?? {}) as { Id?: string };
    if (reply.status !== 201) await giveUp();
    else if (Id === undefined) guests.drop(key);
    else await guests.settle(key, first.taskId, Id, await nameOf(context, Id));
    return reply;
  } catch (error) {
    // The engine may have made it all the same.
    if (asked) guests.drop(key);
    else await giveUp();
    throw error;
  }
}

/** `POST /networks/{}/connect`; undefined: the network is not the cluster's, or there is no such container. */
export async function connectGuest(call: Call, context: Context, guests: GuestsLine): Promise<Answer | undefined> {
  const body = parseBody(await holdBody(call.request));
  const container = await containerOf(context, body);
  if (!container) return withoutContainer(context, parameter(call), body);
  const { Id } = container;
  const name = container.Name.replace(/^\//, '');
  const endpoint = field(body, 'EndpointConfig');
  const ref = parameter(call);
  const network = await clusterNetworkOf(context, ref);
  const engineName = network?.sure ? guests.networkName(network.ref) : '';
  const held = Object.hasOwn(container.NetworkSettings?.Networks ?? {}, engineName);
  if (held && container.State?.Running) throw new HttpError(409, `${name} is already attached to network ${engineName}`);
  const place = await placeFor(guests, network, { key: Id, name, ref, asked: endpointAsked(endpoint) });
  if (!place) return undefined;
  try {
    // What a container has been given on a network no engine changes while it is on it.
    const left = held ? await context.engine.exchange(call, { Container: Id }, `/networks/${place.network}/disconnect`) : undefined;
    if (left && left.status >= 300) {
      guests.drop(Id);
      return left;
    }
    const asked = { Container: Id, EndpointConfig: guestEndpoint(endpoint, place.address) };
    const reply = await context.engine.exchange(call, asked, `/networks/${place.network}/connect`);
    if (reply.status >= 300) await guests.release(place.taskId, place.networkId, Id);
    else await guests.settle(Id, place.taskId, Id, name);
    return reply;
  } catch (error) {
    guests.drop(Id);
    throw error;
  }
}

/** `POST /networks/{}/disconnect`; undefined as above. That the container is not on it the engine says. */
export async function disconnectGuest(call: Call, context: Context, guests: GuestsLine): Promise<Answer | undefined> {
  const body = parseBody(await holdBody(call.request));
  const container = await containerOf(context, body);
  if (!container) return withoutContainer(context, parameter(call), body);
  const ref = parameter(call);
  const network = await clusterNetworkOf(context, ref);
  if (!network?.sure) return undefined;
  const taskId = guests.taskOf(container.Id);
  const reply = await context.engine.exchange(
    call,
    { ...(body as object), Container: container.Id },
    `/networks/${guests.networkName(network.ref)}/disconnect`,
  );
  // The network is on other nodes alone.
  if (reply.status === 404) throw new HttpError(500, `container ${container.Id} is not connected to network ${ref}`);
  if (reply.status < 300 && taskId !== undefined) await guests.release(taskId, network.ref);
  return reply;
}

interface Wish {
  key: string;
  name: string;
  ref: string;
  asked: AskedEndpoint;
}

/** Undefined where the network is none of the cluster's. */
async function placeFor(guests: GuestsLine, network: Meant | undefined, { key, name, ref, asked }: Wish): Promise<Place | undefined> {
  if (!network) return undefined;
  try {
    return { ref, ...(await guests.attach({ containerId: key, name, network: network.ref, ...asked })) };
  } catch (error) {
    if (error instanceof Refusal && error.code === 'notFound' && !network.sure) return undefined;
    if (!(error instanceof Refusal) || error.code !== 'permissionDenied' || error.facts['plain'] === true) throw error;
    throw new HttpError(403, `Could not attach to network ${ref}: rpc error: code = PermissionDenied desc = ${error.message}`);
  }
}

/** A container that is not here: on one of the cluster's networks that is said as the engine says it; of its own the engine says it itself. */
async function withoutContainer(context: Context, ref: string, body: unknown): Promise<undefined> {
  const network = await clusterNetworkOf(context, ref);
  if (!network?.sure) return undefined;
  const container = field(body, 'Container');
  if (typeof container !== 'string' || container === '') throw new HttpError(400, 'invalid name or ID supplied: ""');
  throw new HttpError(404, `No such container: ${container}`);
}

/** The container that a body names; a task's is refused: its networks are its service's to say. */
async function containerOf(context: Context, body: unknown): Promise<InspectedContainer | undefined> {
  const ref = field(body, 'Container');
  if (typeof ref !== 'string' || ref === '') return undefined;
  const container = await context.engine.read<InspectedContainer>(`/containers/${encodeURIComponent(ref)}/json`);
  if (container && context.nodes?.isTask(container.Id)) {
    throw new HttpError(403, `container ${ref} is a task's: "service update --network-add" and "--network-rm" say which networks it is on`);
  }
  return container;
}

async function nameOf(context: Context, id: string): Promise<string> {
  const container = await context.engine.read<InspectedContainer>(`/containers/${id}/json`);
  return (container?.Name ?? id.slice(0, 12)).replace(/^\//, '');
}
