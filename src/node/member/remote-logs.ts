/** Log lines of a task's container on another node: what its engine sends, read as this host's own. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Refusal } from '#base/refusal';
import { logLines, logQuery } from '#engine/docker-logs';
import type { LogLine, LogOptions } from '#engine/engine';
import { messageOf, readText } from '#http/call';
import { callOver } from '#http/over-connection';
import type { Task } from '#model/object/task';

const refusalLimitBytes = 64 * 1024;

/**
 * Oldest first; ends with the container, or with `signal` when following. Refuses `unavailable`, with the fact `node`, where the node does not answer or is cut off.
 * @param open makes a connection to a node
 */
export async function* remoteLogs(task: Task, options: LogOptions, signal: AbortSignal, open: (nodeId: string) => Promise<Duplex>): AsyncGenerator<LogLine> {
  const { NodeID: nodeId, ID, Spec, Status } = task;
  const containerId = Status.ContainerStatus?.ContainerID;
  if (!containerId) throw new Refusal('notFound', `task ${ID} has no container`);
  const connection = await open(nodeId);
  try {
    const path = `/containers/${containerId}/logs?${new URLSearchParams(logQuery(options)).toString()}`;
    const answer = await callOver(connection, { method: 'GET', path, headers: [['Host', 'node']], signal });
    if (answer.statusCode !== 200) throw await refusalOf(answer);
    yield* logLines(answer, Spec.ContainerSpec?.TTY === true, options.details === true);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (!signal.aborted) throw new Refusal('unavailable', `node ${nodeId} disconnected unexpectedly`, { node: nodeId });
  } finally {
    connection.destroy();
  }
}

async function refusalOf(answer: IncomingMessage): Promise<Refusal> {
  const text = messageOf(await readText(answer, refusalLimitBytes));
  return new Refusal(answer.statusCode === 404 ? 'notFound' : 'unknown', text);
}
