/** One filter: which nodes it lets pass, and what to say of those that it does not. */
import { counted } from '#base/text/human';
import type { Candidate } from './candidate.ts';

export interface Filter {
  accepts(candidate: Candidate): boolean;
  /** What to say when `count` nodes (1 and up) were refused. */
  explain(count: number): string;
}

/** "… on 1 node" or "… on 3 nodes". */
export function onNodes(text: string): (count: number) => string {
  return (count) => `${text} on ${counted(count, 'node')}`;
}
