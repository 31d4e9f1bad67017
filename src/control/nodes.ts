/** Use cases of nodes. */
import { Refusal } from '#base/refusal';
import { certifiedUntil } from '#ca/certificate';
import { roleOfToken } from '#ca/join-token';
import type { Cluster } from '#model/object/cluster';
import { hostPort, isPlace, managerAddress as seatOf, managerPort, placeParts, roleOf, withoutLeaving } from '#model/manager-address';
import type { Node, NodeSpec } from '#model/object/node';
import type { Task } from '#model/object/task';
import { isTerminal } from '#model/object/task-state';
import { swarmTexts } from '#model/swarm-texts';
import { withEnd } from '#model/task-status';
import { create, newMeta, remove, update, type Action } from '#store/action';
import { raised } from '#store/feature-level';
import { clusterOf, type View } from '#store/view';
import type { UseCase } from './cluster.ts';
import { defaultClusterSpec } from './clusters.ts';
import { checkVersion, findObject } from './find.ts';

/** Role, availability and labels; `version` is the one that the caller has read. */
export function updateNode(ref: string, version: number, spec: NodeSpec): UseCase<void> {
  return (view) => {
    const node = findObject(view, 'node', ref);
    checkNode(spec);
    checkVersion(node, version);
    if (spec.Role === 'worker' && node.Spec.Role === 'manager') checkDemotion(view, node);
    const told = spec.Role === 'worker' ? reached(node) : node;
    return { actions: [update('node', { ...told, Spec: { ...drainOf(node.Spec, spec), ...spec } })], result: undefined };
  };
}

/** The role that `token` stands for. Refuses a wrong one with the fact `token`. */
export function roleGranted(view: View, token: string): NodeSpec['Role'] {
  const tokens = clusterOf(view)?.Shoal?.Authority?.JoinTokens;
  const role = tokens && roleOfToken(tokens, token);
  if (!role) throw wrongToken();
  return role;
}

/** Makes a member of a node that came with a token; it is ready when its agent comes. */
export function admitNode({
  token,
  availability,
  address,
  managerAddress = '',
  replaces = '',
  unheard = '',
  key,
}: Admission): UseCase<{ nodeId: string; role: NodeSpec['Role'] }> {
  return (view, { now, newId }) => {
    // Whether the token still counts is decided here, where it is exchanged too.
    const role = roleGranted(view, token);
    checkPlace(managerAddress);
    if (role === 'manager' && unheard !== '') throw new Refusal('failedPrecondition', unheard, { plain: true });
    const lost = replaces === '' ? undefined : findObject(view, 'node', replaces);
    if (lost) checkReplacement(lost, role, now);
    const spec: NodeSpec = { ...(lost?.Spec ?? { Labels: {} }), Role: role, Availability: availability };
    checkNode(spec);
    const nodeId = newId();
    const place = role === 'manager' ? { ManagerAddr: managerAddress || hostPort(address, managerPort) } : {};
    const node: Node = {
      ...newMeta(nodeId),
      Spec: spec,
      Status: { State: 'unknown', Addr: address },
      Shoal: { Role: role, ...place, ...keyNoted(undefined, { key, role, until: endOfLife(view, now) }) },
    };
    const cluster = lost && withRemoved(view, lost, now);
    const gone = lost ? [...forgotten(view, lost, now), ...(cluster ? [update('cluster', cluster)] : [])] : [];
    return { actions: [...gone, create('node', node)], result: { nodeId, role } };
  };
}

export interface Admission {
  token: string;
  availability: NodeSpec['Availability'];
  address: string;
  /** HOST:PORT under which others reach it if it is a manager; empty: its address, on the usual port. */
  managerAddress?: string;
  /** Id or name of a node that is lost: the new one takes its labels and its place. */
  replaces?: string;
  /** Why it cannot listen: what it hears when its token is that of managers. */
  unheard?: string;
  /** Digest of the key that it is certified for. */
  key?: string | undefined;
}

/** The node has the role of a manager from now on, and others reach it at `address`. Refuses where nobody wants that of it any more. */
export function seatManager(nodeId: string, address: string): UseCase<void> {
  return (view) => {
    checkPlace(address);
    const node = view.get('node', nodeId);
    if (node?.Spec.Role !== 'manager') throw new Refusal('failedPrecondition', `node ${nodeId} is not to be a manager`);
    if (node.Shoal?.Role === 'manager' && node.Shoal.ManagerAddr === address) return { actions: [], result: undefined };
    return { actions: [update('node', { ...reached(node), Shoal: { ...node.Shoal, Role: 'manager', ManagerAddr: address } })], result: undefined };
  };
}

/** Others reach the manager at `address` from now on. Refuses where the node is none any more. */
export function moveManager(nodeId: string, address: string): UseCase<void> {
  return (view) => {
    checkPlace(address);
    const node = view.get('node', nodeId);
    if (!node || roleOf(node) !== 'manager') throw new Refusal('failedPrecondition', `node ${nodeId} is no manager`);
    const before = seatOf(node);
    if (before === address) return { actions: [], result: undefined };
    const { Status, Shoal } = reached(node);
    // The agent beside the leader comes by a socket, and from no address.
    const Addr = Status.Addr === placeParts(before).host ? placeParts(address).host : Status.Addr;
    return { actions: [update('node', { ...node, Status: { ...Status, Addr }, Shoal: { ...Shoal, ManagerAddr: address } })], result: undefined };
  };
}

const unreached = 'cannot become a manager: ';
const unmoved = 'is still known at its address of before: ';

/** Why a node that is to be a manager is none yet, or why one that is has not the address yet that it has by its own word: its status says so as long as it is ready. */
export function noteUnreached(nodeId: string, why: string): UseCase<void> {
  return (view) => {
    const node = view.get('node', nodeId);
    const Message = `${node && roleOf(node) === 'manager' ? unmoved : unreached}${why}`;
    if (node?.Spec.Role !== 'manager' || node.Status.State !== 'ready' || node.Status.Message === Message) return { actions: [], result: undefined };
    return { actions: [update('node', { ...node, Status: { ...node.Status, Message } })], result: undefined };
  };
}

/** The node as one of whom nobody says that any more. */
function reached(node: Node): Node {
  const { Message, ...Status } = node.Status;
  return Message?.startsWith(unreached) || Message?.startsWith(unmoved) ? { ...node, Status } : node;
}

/** The managers have let the node go: it is a worker from now on, unless it was asked for again meanwhile. */
export function unseatManager(nodeId: string): UseCase<void> {
  return (view) => {
    const node = view.get('node', nodeId);
    if (!node || node.Spec.Role === 'manager' || roleOf(node) === 'worker') return { actions: [], result: undefined };
    return { actions: [update('node', asWorker(node))], result: undefined };
  };
}

/** All managers are told of it, and go by it. */
function checkPlace(place: string): void {
  if (place === '' || isPlace(place)) return;
  throw new Refusal('invalidArgument', 'advertise address must be a non-zero IP address or network interface (with optional port number)', { plain: true });
}

function wrongToken(): Refusal {
  return new Refusal('invalidArgument', swarmTexts.needsToken, { token: 'wrong' });
}

/** Removes a node that is down, or any worker by force; its tasks become orphans. */
export function removeNode(ref: string, force: boolean): UseCase<void> {
  return (view, { now }) => {
    const node = findObject(view, 'node', ref);
    if (node.Spec.Role === 'manager') {
      throw new Refusal(
        'failedPrecondition',
        `node ${node.ID} is a cluster manager and is a member of the raft cluster. It must be demoted to worker before removal`,
      );
    }
    if (!force && mayLive(node)) {
      throw new Refusal('failedPrecondition', `node ${node.ID} is not down and can't be removed`);
    }
    const cluster = withRemoved(view, node, now);
    // It may have been the last one that knew less than the others.
    const level = raised(view, node.ID, undefined, cluster);
    const noted = cluster && level.length === 0 ? [update('cluster', cluster)] : level;
    return { actions: [...forgotten(view, node, now), ...noted], result: undefined };
  };
}

/** The node knows that it was let go. */
export function noteLeft(nodeId: string): UseCase<void> {
  return (view) => {
    const node = view.get('node', nodeId);
    if (!node?.Shoal?.Leaving) return { actions: [], result: undefined };
    return { actions: [update('node', withoutLeaving(node))], result: undefined };
  };
}

export interface Certified {
  /** Digest; undefined where it is not known. */
  key: string | undefined;
  /** That the certificate names. */
  role: NodeSpec['Role'];
  /** Leader's time (ms) when it ends. */
  until: number;
  /** Digest of the key that was shown by who asked; undefined: nobody had to show one. */
  shown?: string | undefined;
}

/** What the node's newest certificate is; what let it in once is used up. */
export function noteCertificate(nodeId: string, certified: Certified): UseCase<void> {
  return (view) => {
    const node = view.get('node', nodeId);
    if (!node) return { actions: [], result: undefined };
    const { ReadmitUntil: _used, ...rest } = node.Shoal ?? {};
    return { actions: [update('node', { ...node, Shoal: { ...rest, ...keyNoted(rest, certified) } })], result: undefined };
  };
}

/** Of one whose certificates were not noted before it may be that it was a manager. */
function keyNoted(
  before: Node['Shoal'],
  { key, role, until, shown }: Certified,
): Pick<NonNullable<Node['Shoal']>, 'Key' | 'KeyUntil' | 'Shown' | 'ManagerUntil'> {
  const unknown = before?.Key !== undefined && before.KeyUntil === undefined;
  // One that asks again, since the answer was lost, shows what it showed before.
  const Shown = shown !== undefined && shown === before?.Key ? { Key: shown, Until: before.KeyUntil ?? 0 } : before?.Shown;
  // Of several certificates the one counts that is good for longest.
  const ManagerUntil = Math.max(before?.ManagerUntil ?? 0, role === 'manager' || unknown ? until : 0);
  return { ...(key !== undefined && { Key: key, KeyUntil: until, ...(Shown && { Shown }) }), ...(ManagerUntil > 0 && { ManagerUntil }) };
}

/** Clocks of nodes may differ by as much. */
const clocksApartMs = 3_600_000;

function endOfLife(view: View, now: number): number {
  return certifiedUntil(now, (clusterOf(view)?.Spec ?? defaultClusterSpec).CAConfig.NodeCertExpiry);
}

/** The cluster's object as it is to be when `node` is gone; undefined where it stays as it is. What is over by now goes with it. */
function withRemoved(view: View, { ID, Shoal }: Node, now: number): Cluster | undefined {
  const cluster = clusterOf(view);
  // Where nothing was noted, the settings of that time are not known either.
  const unnoted = Math.max(endOfLife(view, now), certifiedUntil(now, defaultClusterSpec.CAConfig.NodeCertExpiry));
  const until = (Shoal?.ManagerUntil ?? (Shoal?.KeyUntil === undefined ? unnoted : -clocksApartMs)) + clocksApartMs;
  if (!cluster || until <= now) return undefined;
  const others = Object.entries(cluster.Shoal?.Removed ?? {}).filter(([, end]) => end > now);
  return { ...cluster, Shoal: { ...cluster.Shoal, Removed: { ...Object.fromEntries(others), [ID]: until } } };
}

/** How long a node may take that is let in again. */
const readmittedMs = 3_600_000;

/** Whoever proves that he has the node's key gets a certificate, though that of before has expired; and another host may take the place of a worker. */
export function readmitNode(ref: string): UseCase<void> {
  return (view, { now }) => {
    const node = findObject(view, 'node', ref);
    if (node.Shoal?.Key === undefined) {
      throw new Refusal('failedPrecondition', `no key of node ${node.ID} is known: have it leave, and join it with a token`, { plain: true });
    }
    return { actions: [update('node', { ...node, Shoal: { ...node.Shoal, ReadmitUntil: now + readmittedMs } })], result: undefined };
  };
}

/** A cluster that was made anew has one manager: the others are workers, and find that out when they come back. */
export function keepOneManager(nodeId: string): UseCase<void> {
  return (view) => {
    const others = [...view.list('node')].filter((node) => node.ID !== nodeId && (node.Spec.Role === 'manager' || roleOf(node) === 'manager'));
    return { actions: others.map((node) => update('node', asWorker({ ...node, Spec: { ...node.Spec, Role: 'worker' } }))), result: undefined };
  };
}

function asWorker(node: Node): Node {
  const { ManagerAddr: _gone, ...rest } = node.Shoal ?? {};
  return { ...node, Shoal: { ...rest, Role: 'worker', Leaving: true } };
}

/** Also one that is waited for after a change of leader, or while its daemon restarts: it comes, or is down. One that never came is nobody. */
function mayLive({ Status, Description }: Node): boolean {
  return Status.State !== 'down' && (Status.State !== 'unknown' || Description !== undefined);
}

/** The token of workers is in many hands: that another host becomes this one somebody has to have said. */
function checkReplacement(lost: Node, role: NodeSpec['Role'], now: number): void {
  const { ID, Spec, Shoal } = lost;
  if (mayLive(lost)) throw new Refusal('failedPrecondition', `node ${ID} is not down and can't be replaced`);
  if (Spec.Role !== role) throw new Refusal('invalidArgument', `node ${ID} is a ${Spec.Role}: replace it with the join token of ${Spec.Role}s`);
  if (role === 'worker' && now >= (Shoal?.ReadmitUntil ?? 0)) {
    throw new Refusal(
      'permissionDenied',
      `nobody has said that another host may take the place of node ${ID}: "shoal node readmit ${ID}" on a manager says so`,
    );
  }
}

/** The node is gone, and what it may still run is nobody's. */
function forgotten(view: View, { ID }: Node, now: number): Action[] {
  const tasks = [...view.tasksOfNode(ID)].filter((task) => !isTerminal(task.Status.State));
  return [...tasks.map((task) => orphan(task, now)), remove('node', ID)];
}

function checkNode(spec: NodeSpec): void {
  if (!['manager', 'worker'].includes(spec.Role)) throw new Refusal('invalidArgument', `invalid Role: "${spec.Role ?? ''}"`, { plain: true });
  if (!['active', 'pause', 'drain'].includes(spec.Availability)) {
    throw new Refusal('invalidArgument', `invalid Availability: "${spec.Availability ?? ''}"`, { plain: true });
  }
  checkDrain(spec);
}

/** Docker's clients send a spec back without what they do not know: a drain that is under way keeps its time. */
function drainOf(before: NodeSpec, { Availability }: NodeSpec): Pick<NodeSpec, 'Shoal'> {
  return Availability === 'drain' && before.Availability === 'drain' && before.Shoal ? { Shoal: before.Shoal } : {};
}

function checkDrain({ Availability, Shoal }: NodeSpec): void {
  const timeout = Shoal?.DrainTimeout;
  if (timeout === undefined) return;
  if (Availability !== 'drain') throw new Refusal('invalidArgument', `DrainTimeout goes with the availability drain, not with ${Availability}`);
  if (timeout < 0) throw new Refusal('invalidArgument', 'DrainTimeout must not be negative');
}

function checkDemotion(view: View, node: Node): void {
  const managers = [...view.list('node')].filter((other) => other.Spec.Role === 'manager' && other.ID !== node.ID);
  if (managers.length === 0) throw new Refusal('failedPrecondition', 'attempting to demote the last manager of the swarm');
}

function orphan(task: Task, now: number): Action {
  return update('task', withEnd(task, { State: 'orphaned', Message: 'node removed' }, now));
}
