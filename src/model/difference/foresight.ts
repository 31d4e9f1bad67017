/** What a rollout will do, played forward before anything is touched: in which order tasks stop and start, how long that takes, and what would wait. */

export interface ForeseenEvent {
  /** From the beginning. */
  atMs: number;
  service: string;
  /** Its slot, or the node of a service that has one task a node. */
  task: string;
  /** Host name. */
  node: string;
  what: 'stops' | 'is gone' | 'starts' | 'runs';
}

export interface ForeseenWait {
  service: string;
  tasks: number;
  reason: string;
}

export interface Foresight {
  events: readonly ForeseenEvent[];
  /** Events beyond those that are kept. */
  more: number;
  /** When nothing is on its way any more; absent: it was not played to its end. */
  endsMs?: number;
  /** Tasks that have no place at the end. */
  pending: readonly ForeseenWait[];
  /** What it goes by, and what it leaves out, for people. */
  assumed: string;
  /** Why it was not played forward at all. */
  left?: string;
}

/** Of a rollout that is not played forward. */
export function unforeseen(left: string): Foresight {
  return { events: [], more: 0, pending: [], assumed: '', left };
}

const most = 40;

export function foresightLines({ events, more, endsMs, pending, assumed, left: why }: Foresight): string[] {
  if (why !== undefined) return [`Rollout: not played forward: ${why}.`];
  if (events.length === 0 && pending.length === 0) return [];
  const end = endsMs === undefined ? 'its end is not foreseen' : `over after ${seconds(endsMs)}`;
  const left = events.length - most + more;
  return [
    `Rollout, ${end} (${assumed}):`,
    ...events
      .slice(0, most)
      .map(({ atMs, service, task, node, what }) => `  ${seconds(atMs).padStart(8)}  ${service}.${task} ${what}${node === '' ? '' : ` on ${node}`}`),
    ...(left > 0 ? [`  and ${left} more`] : []),
    ...pending.map(({ service, tasks, reason }) => `  ${service}: ${tasks} ${tasks === 1 ? 'task' : 'tasks'} would wait: ${reason}`),
  ];
}

export function foresightMarkdown(foresight: Foresight): string[] {
  const [head, ...lines] = foresightLines(foresight);
  if (head === undefined) return [];
  if (foresight.left !== undefined) return ['', head];
  const plain = lines.map((line) => line.replaceAll(/[\r\n`]/g, ' '));
  return ['', `<details><summary>${head.replace(/:$/, '')}</summary>`, '', '```', ...plain, '```', '', '</details>'];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
