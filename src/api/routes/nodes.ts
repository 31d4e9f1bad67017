/** Routes of nodes. */
import { mapped, Written } from '../answer.ts';
import { oncePer } from '#base/pace/once-per';
import { readmitNode, removeNode, updateNode } from '#control/nodes';
import { managerAddress, roleOf } from '#model/manager-address';
import type { Node, NodeSpec } from '#model/object/node';
import { decodeBody } from '../request/body.ts';
import { findOptional, readObject, readView, submit, type Context } from '../context.ts';
import type { ManagersStanding } from '../dependencies.ts';
import { HttpError } from '../errors.ts';
import { anyOf, byLabels, byPrefix, readFiltersAtManager, type Filters } from '../request/filters.ts';
import { shown } from '../view/redact.ts';
import { flag, get, parameter, post, remove, versionParameter, type Route } from '../router.ts';
import { nodeSpec } from '#model/shape/object-shapes';

const filterKeys = ['id', 'label', 'membership', 'name', 'node.label', 'role'];

export function nodeRoutes(context: Context): Route[] {
  return [
    get('/nodes', async (call) => {
      const own = context.swarm.status();
      const filters = readFiltersAtManager(call, filterKeys, own);
      checkWords(filters);
      const nodes = [...(await readView(context)).list('node')].filter((node) => passes(filters, node));
      return { status: 200, list: mapped(nodes, (node) => listedMember(node, own.NodeID, context)) };
    }),
    get('/nodes/{}', async (call) => {
      const node = await readObject(context, 'node', parameter(call));
      return { status: 200, json: shownMember(node, context) };
    }),
    post('/nodes/{}/update', async (call) => {
      const version = versionParameter(call, 'node');
      const spec = await decodeBody(call.request, nodeSpec);
      await checkDemotion(context, parameter(call), spec);
      await submit(context, call, updateNode(parameter(call), version, spec));
      return { status: 200 };
    }),
    post('/shoal/v1/nodes/{}/readmit', async (call) => {
      await submit(context, call, readmitNode(parameter(call)));
      return { status: 200 };
    }),
    remove('/nodes/{}', async (call) => {
      await submit(context, call, removeNode(parameter(call), flag(call, 'force')));
      return { status: 200 };
    }),
  ];
}

/** Of a thousand few are others than when they were listed last. */
const writtenWorker = oncePer((node: Node) => new Written(shown('node', node)));

/**
 * As `shownMember`, for a list.
 * @param ownId of the node that answers
 * @internal
 */
export function listedMember(node: Node, ownId: string, context: Pick<Context, 'swarm' | 'leader'>): object {
  return roleOf(node) === 'worker' && node.ID !== ownId ? writtenWorker(node) : shownMember(node, context);
}

/** The node with its place among the managers, which is never stored: a lone manager leads. */
export function shownMember(node: Node, { swarm, leader }: Pick<Context, 'swarm' | 'leader'>): object {
  const status = swarm.status();
  const own = node.ID === status.NodeID;
  const ManagerStatus = roleOf(node) === 'manager' ? managerStatus(node, own, leader?.standing()) : undefined;
  // Its agent does not run: as when the line to it is cut.
  const cutOff = own && status.SafeMode !== undefined;
  const Status = cutOff ? { ...node.Status, State: 'disconnected' as const, Message: status.SafeMode ?? '' } : node.Status;
  return shown('node', { ...node, Status, ...(ManagerStatus && { ManagerStatus }) });
}

function managerStatus(node: Node, own: boolean, standing: ManagersStanding | undefined): Node['ManagerStatus'] {
  const member = standing?.members.find(({ id }) => id === node.ID);
  const Addr = member?.address || managerAddress(node);
  if (!standing) return { ...(own && { Leader: true }), Reachability: own ? 'reachable' : 'unknown', Addr };
  // It was let go, or is not in yet: Docker knows managers by their seat, too.
  if (!member) return undefined;
  return { ...(standing.leader === node.ID && { Leader: true }), Reachability: member.reachable ? 'reachable' : 'unreachable', Addr };
}

/** What the group says of who answers is known to nobody but the leader, and no use case sees it. */
async function checkDemotion(context: Context, ref: string, spec: NodeSpec): Promise<void> {
  const node = findOptional(await readView(context), 'node', ref);
  if (node && roleOf(node) === 'manager' && spec.Role === 'worker') context.leader?.checkRemoval(node.ID);
}

function checkWords(filters: Filters): void {
  for (const role of filters.get('role') ?? []) {
    if (!['manager', 'worker'].includes(role.toLowerCase())) throw new HttpError(500, `Invalid role filter: '${role}'`);
  }
  for (const membership of filters.get('membership') ?? []) {
    if (!['accepted', 'pending'].includes(membership.toLowerCase())) throw new HttpError(500, `Invalid membership filter: '${membership}'`);
  }
}

function passes(filters: Filters, node: Node): boolean {
  return (
    byPrefix(filters, 'id', node.ID) &&
    byPrefix(filters, 'name', node.Description?.Hostname ?? '') &&
    anyOf(filters, 'role', (role) => role.toLowerCase() === node.Spec.Role) &&
    // Every node that is stored has been accepted.
    anyOf(filters, 'membership', (membership) => membership.toLowerCase() === 'accepted') &&
    byLabels(filters, 'label', node.Description?.Engine.Labels) &&
    byLabels(filters, 'node.label', node.Spec.Labels)
  );
}
