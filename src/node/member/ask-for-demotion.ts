/** A manager that leaves asks to be a worker first, as its operator would: over its own API, which carries it to the leader. */
import { type Clock, pause } from '#base/clock';
import type { Logger } from '#base/logger';
import { Refusal } from '#base/refusal';
import { messageOf, openCall, readText } from '#http/call';
import { socketEndpoint } from '#http/endpoint';
import type { Node } from '#model/object/node';
import type { Standing } from '#replica/replicated-log';

const answerLimitBytes = 1024 * 1024;
const silenceLimitMs = 10_000;
/** How often is looked whether the seat is gone. */
const lookMs = 20;
/** What the other managers may take to let a leaving one go. */
const seatLimitMs = 10_000;

/** Who leaves. */
export interface Leaving {
  /** Path of the node's own socket. */
  api: string;
  nodeId: string;
  /** Undefined as soon as the node is no manager any more. */
  seat: () => { standing(): Standing | undefined } | undefined;
}

/** Has the other managers take the seat of this one, as far as they can and in their time. */
export async function giveUpSeat({ api, nodeId, seat }: Leaving, { clock, logger }: { clock: Clock; logger: Logger }): Promise<void> {
  const standing = seat()?.standing();
  if (!standing || standing.members.length <= 1 || standing.quorumLostAt !== undefined) return;
  const end = clock.monotonicNow() + seatLimitMs;
  try {
    await askForDemotion(api, nodeId);
    while (seat() && clock.monotonicNow() < end) await pause(clock, lookMs);
    if (!seat()) return;
    logger.warn({}, 'the other managers have not let this one go in time: it leaves all the same; demote and remove its node there');
  } catch (error) {
    logger.warn({ error: (error as Error).message }, 'the other managers do not let this one go: it leaves all the same; demote and remove its node there');
  }
}

/** `socket`: path of the API. Refuses what the leader refuses: that would cost the quorum, or nobody leads. */
async function askForDemotion(socket: string, nodeId: string): Promise<void> {
  const node = JSON.parse(await ask(socket, 'GET', `/nodes/${nodeId}`)) as Node;
  await ask(socket, 'POST', `/nodes/${nodeId}/update?version=${node.Version.Index}`, { ...node.Spec, Role: 'worker' });
}

async function ask(socket: string, method: string, path: string, body?: object): Promise<string> {
  const sent = body && { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } };
  const answer = await openCall(socketEndpoint(socket), { method, path, silenceLimitMs, ...sent });
  const text = await readText(answer, answerLimitBytes);
  if ((answer.statusCode ?? 500) >= 400) throw new Refusal('unavailable', messageOf(text));
  return text;
}
