/** What runs on a host's engine, against what services want. */
import { type Host, until } from './machine.mjs';

/** Service name → how many containers it wants and the environment's first value in each. */
export type Wanted = Map<string, { replicas: number; env: string }>;

export interface Container {
  id: string;
  service: string;
  stack: string;
  task: string;
  node: string;
  env: string;
  /** When it started: another time means a restart. */
  started: string;
  state: string;
}

const format =
  '{{.Id}}|{{index .Config.Labels "com.docker.swarm.service.name"}}|{{index .Config.Labels "com.docker.stack.namespace"}}|{{index .Config.Labels "com.docker.swarm.task.id"}}|{{index .Config.Labels "com.docker.swarm.node.id"}}|{{index .Config.Env 0}}|{{.State.StartedAt}}|{{.State.Status}}';

/** The containers of tasks made from `image`, by id. */
export function snapshotOf(host: Host, image: string): Map<string, Container> {
  const ids = host
    .docker(['ps', '-aq', '--no-trunc', '--filter', `ancestor=${image}`, '--filter', 'label=com.docker.stack.namespace'])
    .split('\n')
    .filter(Boolean);
  if (ids.length === 0) return new Map();
  const lines = inspect(host, ids).split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => {
      const [id = '', service = '', stack = '', task = '', node = '', env = '', started = '', state = ''] = line.split('|');
      return [id, { id, service, stack, task, node, env, started, state }];
    }),
  );
}

/** A container that goes between the two looks is no matter. */
function inspect(host: Host, ids: readonly string[]): string {
  try {
    return host.docker(['inspect', '-f', format, ...ids]);
  } catch (error) {
    return (error as { stdout?: string }).stdout ?? '';
  }
}

/** Resolves when exactly the wanted containers run; rejects after `limitMs` with what differs. */
export async function settled(host: Host, wanted: Wanted, image: string, limitMs: number): Promise<void> {
  let difference = '';
  await until(
    () => {
      difference = differenceOf([...snapshotOf(host, image).values()], wanted);
      return difference === '';
    },
    limitMs,
    () => difference,
  );
}

function differenceOf(containers: readonly Container[], wanted: Wanted): string {
  const running = containers.filter(({ state }) => state === 'running');
  const tasks = new Set(containers.map(({ task }) => task));
  if (tasks.size < containers.length) return `a task has two containers: ${JSON.stringify(containers)}`;
  for (const [service, { replicas, env }] of wanted) {
    const own = running.filter((container) => container.service === service);
    if (own.length !== replicas || own.some((container) => container.env !== env)) {
      return `${service} wants ${replicas} of ${env}, has ${own.map((container) => container.env).join(', ') || 'none'}`;
    }
  }
  const strange = running.filter(({ service }) => !wanted.has(service));
  return strange.length > 0 ? `nobody wants ${JSON.stringify(strange)}` : '';
}
