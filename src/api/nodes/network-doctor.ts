/** The doctor of the network: at the leader, who asks every node what it sees of the others, and puts together what they say. */
import type { Duplex } from 'node:stream';
import { OneByOne } from '#base/pace/one-by-one';
import { Refusal } from '#base/refusal';
import type { Diagnosis, DoctorPeer, ExaminedNode, Finding, Heard, Listening, Look, NetworkLook } from '#model/doctor/examination';
import { judgeEncryption, judgeSeat, judgeServices, judgeWay, saysUnreached, type Participant } from '#model/doctor/verdict';
import { managerAddress, managerAddresses } from '#model/manager-address';
import { findObject } from '#control/find';
import { isEncrypted } from '#model/object/network';
import type { Node } from '#model/object/node';
import { callOver } from '#http/over-connection';
import { readView, type Context } from '../context.ts';
import { HttpError } from '../errors.ts';
import { readBody } from '../request/body.ts';
import { isStale } from '../request/stale.ts';
import { get, type Call, type Route } from '../router.ts';
import type { View } from '../dependencies.ts';
import { heardIn, listeningIn, lookIn, lookPath } from './network-look.ts';

/** Each sends to all others: more would flood the ways that they try, and take longer than is remembered what came. */
const mostNodes = 64;
const askedAtOnce = 8;
const answerLimitBytes = 4 * 1024 * 1024;
/** A node that takes longer has not answered. */
const lookLimitMs = 40_000;
/** What a node holds may just be on its way to it. */
const againMs = 2000;

/** Who waits for the looks before his own. */
const mostWaiting = 8;

export function doctorRoutes(context: Context): Route[] {
  // One after the other: with a look nodes forget what they noted for the one before.
  const looks = new OneByOne({
    most: mostWaiting,
    refusal: () => new Refusal('unavailable', 'the network is being looked at for several others: try again in a minute'),
  });
  return [get('/shoal/v1/network/doctor', async (call) => ({ status: 200, json: await looks.alone(() => diagnose(call, context)) }))];
}

interface Examined {
  node: DoctorPeer;
  findings: Finding[];
  listening?: Listening;
  /** It has sent its packets. */
  sent?: true;
  heard?: readonly Heard[];
  look?: Look;
}

async function diagnose(call: Call, context: Context): Promise<Diagnosis> {
  call.signal.throwIfAborted();
  const view = await readView(context);
  if (isStale(call.query)) return await diagnoseAlone(call, context, view);
  const wanted = call.query.get('node') ?? '';
  const only = wanted === '' ? undefined : findObject(view, 'node', wanted).ID;
  const all = [...view.list('node')].toSorted((a, b) => Number(b.ID === only) - Number(a.ID === only) || (nameOf(a) < nameOf(b) ? -1 : 1));
  const examined = all.slice(0, mostNodes).map((node): Examined => ({ node: peerOf(node), findings: stateOf(node) }));
  const live = examined.filter(({ findings }) => findings.length === 0);
  const ask = (each: Examined, look: NetworkLook): Promise<unknown> => askNode(context, each.node.nodeId, look, call.signal);
  await eachOf(live, async (each) => void (each.listening = listeningIn(await ask(each, { what: 'listen' }))));
  const listeners = live.filter(({ listening }) => listening !== undefined);
  await eachOf(listeners, async (each) => {
    const peers = listeners.filter((other) => other !== each && (only === undefined || each.node.nodeId === only || other.node.nodeId === only));
    await ask(each, { what: 'send', peers: peers.map(({ node }) => node) });
    each.sent = true;
  });
  await eachOf(listeners, async (each) => void (each.heard = heardIn(await ask(each, { what: 'heard' }))));
  const managers = managerAddresses(all);
  await eachOf(listeners, async (each) => void (each.look = lookIn(await ask(each, { what: 'look', managers }))));
  const ways = judgeWays(live, only);
  const encrypted = [...view.list('network')].filter(isEncrypted);
  const seen = live.flatMap(({ look }) => look?.findings ?? []);
  const left = new Set<string>();
  for (const { node, findings } of examined) {
    const known = view.get('node', node.nodeId);
    const moved = judgeSeat(known, seen);
    if (known && moved.length > 0) left.add(managerAddress(known));
    findings.push(...judgeEncryption(known, encrypted), ...moved);
  }
  // That nobody is found where it was would be the same said again.
  const isNews = (each: Finding): boolean => ![...left].some((place) => saysUnreached(each, place));
  for (const each of live) if (each.look) each.look = { ...each.look, findings: each.look.findings.filter(isNews) };
  await compareServices(context, live, async (each) => lookIn(await ask(each, { what: 'look', managers: [] })));
  const told = examined.filter(({ node, findings }) => only === undefined || node.nodeId === only || findings.length > 0);
  return { nodes: told.map(shown), ways, leftOut: all.length - examined.length };
}

/** Nobody can have the others looked at; of the ways to them those to the managers, which keep a cluster without a leader, are tried from here. */
async function diagnoseAlone({ query, signal }: Call, context: Context, view: View): Promise<Diagnosis> {
  const all = [...view.list('node')];
  const own = findObject(view, 'node', context.swarm.status().NodeID);
  const wanted = query.get('node') ?? '';
  if (wanted !== '' && findObject(view, 'node', wanted).ID !== own.ID)
    throw new HttpError(400, `without a leader a manager looks at itself alone: ask on ${wanted}`);
  const each: Examined = { node: peerOf(own), findings: [] };
  const managers = managerAddresses(all);
  await eachOf([each], async () => void (each.look = lookIn(await askNode(context, own.ID, { what: 'look', managers }, signal))));
  return { nodes: [shown(each)], ways: 0, leftOut: all.length - 1, alone: true };
}

/** How many were looked at. */
function judgeWays(live: readonly Examined[], only: string | undefined): number {
  const participants = live.flatMap(({ node, listening, sent, heard, findings }) =>
    listening && sent && heard ? [{ findings, participant: { ...node, listening, heard } satisfies Participant }] : [],
  );
  let ways = 0;
  for (const { participant: to, findings } of participants) {
    for (const { participant: from } of participants) {
      if (from === to || (only !== undefined && from.nodeId !== only && to.nodeId !== only)) continue;
      ways += 1;
      const finding = judgeWay(from, to);
      if (finding) findings.push(finding);
    }
  }
  return ways;
}

/** Twice where it is needed: what is committed meanwhile reaches nodes a moment later. */
async function compareServices(context: Context, live: readonly Examined[], again: (each: Examined) => Promise<Look>): Promise<void> {
  const { nodes, clock } = context;
  if (!nodes) return;
  const wrongIn = async (some: readonly Examined[]): Promise<Map<Examined, string[]>> => {
    const held = await nodes.heldServices(new Set(some.map(({ node }) => node.nodeId)));
    return new Map(some.map((each) => [each, each.look ? judgeServices(held.get(each.node.nodeId) ?? new Map(), each.look.services) : []]));
  };
  const first = await wrongIn(live);
  const suspects = live.filter((each) => (first.get(each)?.length ?? 0) > 0);
  if (suspects.length === 0) return;
  await new Promise<void>((resolve) => void clock.after(againMs, resolve));
  await eachOf(suspects, async (each) => void (each.look = await again(each)));
  for (const [each, wrong] of await wrongIn(suspects)) {
    const lasting = wrong.filter((text) => first.get(each)?.includes(text));
    if (lasting.length === 0) continue;
    const text = `what this node holds of ${lasting.length} services is not what the managers have: ${lasting.slice(0, 8).join(', ')}`;
    each.findings.push({
      level: 'error',
      check: 'services',
      text,
      advice: 'see whether the node’s line to the managers stands (shoal node ls, the daemon’s log there); where a rollout runs, ask again after it',
    });
  }
}

/** Some at a time; who does not answer gets that for a finding. */
async function eachOf(nodes: readonly Examined[], ask: (each: Examined) => Promise<void>): Promise<void> {
  const next = nodes.values();
  const worker = async (): Promise<void> => {
    for (const each of next) {
      try {
        await ask(each);
      } catch (error) {
        each.findings.push(silent((error as Error).message));
      }
    }
  };
  await Promise.all(Array.from({ length: askedAtOnce }, worker));
}

async function askNode({ nodes, nodeDoor, swarm }: Context, nodeId: string, look: NetworkLook, signal: AbortSignal): Promise<unknown> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(lookLimitMs)]);
  const connection: Duplex = nodeId === swarm.status().NodeID || !nodes ? nodeDoor.open() : await nodes.open(nodeId, limit);
  const body = Buffer.from(JSON.stringify(look));
  try {
    const reply = await callOver(connection, { method: 'POST', path: lookPath, headers: [['Host', 'node']], body, signal: limit });
    const text = (await readBody(reply, answerLimitBytes)).toString('utf8');
    if (reply.statusCode === 200) return JSON.parse(text);
    // A node of an earlier version knows no such path.
    throw new HttpError(502, reply.statusCode === 403 ? 'its daemon is of an earlier version' : ((JSON.parse(text) as { message?: string }).message ?? text));
  } finally {
    connection.destroy();
  }
}

function peerOf(node: Node): DoctorPeer {
  return { nodeId: node.ID, name: nameOf(node), address: node.Description?.Shoal?.DataPathAddr ?? node.Status.Addr ?? '' };
}

function nameOf({ ID, Description }: Node): string {
  return Description?.Hostname ?? ID;
}

function stateOf({ Status }: Node): Finding[] {
  if (Status.State === 'ready') return [];
  return [
    {
      level: 'error',
      check: 'node',
      text: `the managers do not hear this node (${Status.State})`,
      advice: 'see that its daemon runs and reaches a manager by TCP; its log says why it does not',
    },
  ];
}

function silent(why: string): Finding {
  return {
    level: 'error',
    check: 'node',
    text: `this node could not be looked at: ${why}`,
    advice: 'see that its daemon runs, is of this version, and not in safe mode; then ask again',
  };
}

function shown({ node: { nodeId, name, address }, listening, findings, look }: Examined): ExaminedNode {
  return { nodeId, name, ...(listening && { address, mtu: listening.mtu }), findings: [...findings, ...(look?.findings ?? [])] };
}
