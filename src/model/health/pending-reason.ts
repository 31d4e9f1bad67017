/** Why a task waits for a node: the texts that the scheduler says it with, and a short word for each. */
import type { Task } from '../object/task.ts';

export const pendingTexts = {
  unavailable: 'not available for new tasks',
  resources: 'insufficient resources',
  plugin: 'missing plugin',
  constraints: 'scheduling constraints not satisfied',
  platform: 'unsupported platform',
  encryption: 'cannot encrypt networks',
  port: 'host-mode port already in use',
  max_replicas: 'max replicas per node limit exceed',
  volume: 'cannot fulfill requested CSI volume mounts',
} as const;

export type PendingReason = keyof typeof pendingTexts | 'new' | 'other';

const words = Object.keys(pendingTexts) as (keyof typeof pendingTexts)[];

/** `new`: nobody has looked for a node yet; `other`: what no node is to blame for, such as addresses that ran out. */
export const pendingReasons: readonly PendingReason[] = [...words, 'new', 'other'];

/** The reason that the most nodes give: the scheduler says it first. */
export function pendingReasonOf({ Status }: Pick<Task, 'Status'>): PendingReason {
  const text = Status.Err ?? '';
  if (text === '') return 'new';
  let first: { word: PendingReason; at: number } = { word: 'other', at: Infinity };
  for (const word of words) {
    const at = text.indexOf(pendingTexts[word]);
    if (at >= 0 && at < first.at) first = { word, at };
  }
  return first.word;
}
