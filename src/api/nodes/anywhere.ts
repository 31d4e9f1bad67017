/** What is asked about a container: of this host's engine first; of a task's container that is elsewhere by way of the leader, who asks its node. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Refusal } from '#base/refusal';
import { callOver } from '#http/over-connection';
import type { Task } from '#model/object/task';
import { swarmTexts } from '#model/swarm-texts';
import { readView, type Context } from '../context.ts';
import { requireManager } from '../request/require-manager.ts';
import { handOn } from '../engine/engine-client.ts';
import { joinUpgrade } from '../engine/engine-upgrade.ts';
import { HttpError } from '../errors.ts';
import { holdBody, parseBody, readBody } from '../request/body.ts';
import { connectionHeaders, keptHeaders } from '../request/kept-headers.ts';
import type { Answer, Call } from '../router.ts';
import { enginePath, type RequestTarget } from '../target.ts';
import { newestVersion } from '../version.ts';
import { remoteExec, remoteExecId } from './exec-id.ts';
import { findContainer } from './find-container.ts';
import { inspectContainer } from './inspected.ts';
import { isInspect, pathOf, shownBy, type Shown } from './shown.ts';

const hopHeaders = new Set([...connectionHeaders, 'transfer-encoding', 'host', 'content-length']);
/** The answer to a command that was made is its id. */
const execAnswerLimitBytes = 64 * 1024;
/** Of a command in the log and the events. */
const commandToldLength = 500;

/** Answers one of the routes that nodes show. */
export async function askAnywhere(call: Call, context: Context): Promise<Answer> {
  const shown = shownOf(call);
  if (call.request.method !== 'GET') await holdBody(call.request);
  // Whoever carried it here has asked his own engine; this one's other containers are none of his.
  if (context.carried(call)) return await context.atLeader(call, () => askNode(call, context, shown));
  if (shown.of === 'exec' && !remoteExec(shown.ref)) {
    await context.engine.passThrough(call.request, call.response, call.target, await bodyOf(call));
    return 'sent';
  }
  const here = shown.of === 'exec' ? undefined : await askHere(call, context, shown);
  if (here === 'sent' || (here && here.status !== 404)) return here;
  return await askLeader(call, context, shown, here);
}

/** Of this host's engine. */
async function askHere({ request, response, target }: Call, { engine }: Context, shown: Shown): Promise<Answer> {
  if (isInspect(shown)) return await inspectContainer(engine, target);
  return await engine.passThroughUnlessMissing(request, response, target, request.method === 'GET' ? undefined : await holdBody(request));
}

/** @param missing what this host's engine said of a container that it does not know */
async function askLeader(call: Call, context: Context, shown: Shown, missing: Answer | undefined): Promise<Answer> {
  const { LocalNodeState, ControlAvailable } = context.swarm.status();
  if (missing && (LocalNodeState !== 'active' || !ControlAvailable || !context.nodes)) return missing;
  try {
    return await context.atLeader(call, () => askNode(call, context, shown));
  } catch (error) {
    // Without a leader nobody knows: what this manager does not know either is not there, as far as anybody can say.
    const nobody = error instanceof Refusal && error.code === 'unavailable' && error.facts['node'] === undefined;
    if (missing && nobody && !isKnown(context, shown)) return missing;
    throw error;
  }
}

function isKnown({ leader }: Context, { ref }: Shown): boolean {
  try {
    return leader !== undefined && findContainer(leader.view(), ref) !== undefined;
  } catch {
    return false;
  }
}

/** At the leader. */
async function askNode(call: Call, context: Context, shown: Shown): Promise<Answer> {
  const { nodeId, there, task } = await placeOf(context, shown);
  const { request, response, signal } = call;
  const connection = await openNode(context, nodeId, signal);
  const headers = [...keptHeaders(request.rawHeaders, hopHeaders), ['Host', 'node'] as [string, string]];
  const asked = { method: request.method ?? 'GET', path: pathAt(call.target, there), headers, body: await bodyOf(call), signal };
  const reply = await callOver(connection, asked).catch((error: Error) => {
    connection.destroy();
    throw new Refusal('unavailable', `node ${nodeId} disconnected unexpectedly: ${error.message}`, { node: nodeId });
  });
  if (task && shown.what === 'exec' && reply.statusCode === 201) {
    const command = commandIn(asked.body);
    context.logger.info({ container: there.ref, node: nodeId, command }, "a command is run in a task's container on another node");
    context.events.ran(task, command);
    return { status: 201, json: { Id: await madeExec(reply, nodeId) } };
  }
  handOn(reply, response);
  return 'sent';
}

/** What is to run, as far as it is short; whatever else the body says may be secret. */
function commandIn(body: Buffer | undefined): string {
  const words = (parseBody(body ?? Buffer.alloc(0)) as { Cmd?: unknown } | null)?.Cmd;
  return (Array.isArray(words) ? words.filter((word) => typeof word === 'string').join(' ') : String(words)).slice(0, commandToldLength);
}

async function madeExec(reply: IncomingMessage, nodeId: string): Promise<string> {
  const { Id = '' } = JSON.parse((await readBody(reply, execAnswerLimitBytes)).toString('utf8')) as { Id?: string };
  return remoteExecId({ execId: Id, nodeId });
}

/** A connection that asks for an upgrade, joined with the one that its path means. Throws as long as nothing was answered. */
export async function upgradeAnywhere(
  context: Context,
  asked: { request: IncomingMessage; socket: Duplex; head: Buffer; target: RequestTarget },
): Promise<void> {
  const { request, socket, head, target } = asked;
  const shown = shownBy(request.method ?? 'GET', target.path);
  if (shown?.of !== 'exec' || !remoteExec(shown.ref)) return await context.engine.upgrade(request, socket, head, target);
  requireManager(context.swarm.status());
  const gone = new AbortController();
  socket.once('close', () => gone.abort());
  const { leader } = context;
  const leads = !leader || leader.alone() || leader.leads();
  if (!leads) {
    const connection = context.carried({ request }) ? undefined : leader.open();
    if (!connection) throw leader.lost() ?? new Refusal('unavailable', swarmTexts.starting);
    return await joinUpgrade(async () => connection, { request, socket, head, path: request.url ?? '/' });
  }
  const { nodeId, there } = await placeOf(context, shown);
  await joinUpgrade(() => openNode(context, nodeId, gone.signal), { request, socket, head, path: pathAt(target, there) });
}

/** Which node has it, and as what. */
async function placeOf(context: Context, shown: Shown): Promise<{ nodeId: string; there: Shown; task?: Task }> {
  if (shown.of === 'exec') {
    const { execId, nodeId } = remoteExec(shown.ref) ?? {};
    if (execId === undefined || nodeId === undefined) throw new HttpError(404, `No such exec instance: ${shown.ref}`);
    return { nodeId, there: { ...shown, ref: execId } };
  }
  const { task, containerId } = findContainer(await readView(context), shown.ref);
  return { nodeId: task.NodeID, there: { ...shown, ref: containerId }, task };
}

function openNode({ nodes, nodeDoor, swarm }: Context, nodeId: string, signal: AbortSignal): Promise<Duplex> {
  if (nodeId === swarm.status().NodeID) return Promise.resolve(nodeDoor.open());
  if (!nodes) return Promise.reject(new Refusal('unavailable', `node ${nodeId} is not available`, { node: nodeId }));
  return nodes.open(nodeId, signal);
}

function pathAt(target: RequestTarget, there: Shown): string {
  return enginePath({ ...target, path: pathOf(there) }, newestVersion) + target.search;
}

function shownOf({ request, target }: Call): Shown {
  const shown = shownBy(request.method ?? 'GET', target.path);
  if (!shown) throw new HttpError(404, 'page not found');
  return shown;
}

/** What was held of the body; of a GET none is. */
async function bodyOf({ request }: Call): Promise<Buffer | undefined> {
  return request.method === 'GET' ? undefined : await holdBody(request);
}
