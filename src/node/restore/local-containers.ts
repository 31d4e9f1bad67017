/** Whose tasks run on this host: by that a machine is known that lost its state folder and not its engine. */
import { openCall, readText } from '#http/call';
import { socketEndpoint } from '#http/endpoint';
import { nodeIdLabel, taskIdLabel } from '#model/object/meta';

const answerLimitBytes = 256 * 1024 * 1024;
const silenceLimitMs = 20_000;

/** Node id → how many containers of its tasks are on this host. @param engine path of the engine's socket */
export async function tasksByNode(engine: string): Promise<ReadonlyMap<string, number>> {
  const query = new URLSearchParams({ all: '1', filters: JSON.stringify({ label: [nodeIdLabel, taskIdLabel] }) });
  const answer = await openCall(socketEndpoint(engine), {
    method: 'GET',
    path: `/containers/json?${query.toString()}`,
    headers: { Host: 'docker' },
    silenceLimitMs,
  });
  const text = await readText(answer, answerLimitBytes);
  if (answer.statusCode !== 200) return new Map();
  const found = new Map<string, number>();
  for (const { Labels } of JSON.parse(text) as { Labels?: Record<string, string> | null }[]) {
    const id = Labels?.[nodeIdLabel];
    if (id !== undefined) found.set(id, (found.get(id) ?? 0) + 1);
  }
  return found;
}

/** The one of `known` that most of them are of; undefined when none is. */
export function likeliestNode(tasks: ReadonlyMap<string, number>, known: (id: string) => boolean): string | undefined {
  return [...tasks].filter(([id]) => known(id)).toSorted((a, b) => b[1] - a[1])[0]?.[0];
}
