/** A manager that leaves asks to be a worker first, as its operator would: over its own API, which carries it to the leader. */
import { Refusal } from '#base/refusal';
import { messageOf, openCall, readText } from '#http/call';
import { socketEndpoint } from '#http/endpoint';
import type { Node } from '#model/object/node';

const answerLimitBytes = 1024 * 1024;
const silenceLimitMs = 10_000;

/** `socket`: path of the API. Refuses what the leader refuses: that would cost the quorum, or nobody leads. */
export async function askForDemotion(socket: string, nodeId: string): Promise<void> {
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
