/** A stack as a commit asks for it, or why it cannot be had. */
import type { ServiceMove, StackSpec } from '#model/object/stack';

/** What a repository's own file says is done for a stack by itself. */
export interface StackPolicy {
  /** Names of stacks that come first, and must be healthy as the same commit has them. */
  After?: readonly string[];
  /** A new version waits for somebody's word. */
  Manual?: true;
  /** Services that its files do not have any more stay. */
  KeepsServices?: true;
  /** Stacks that the commit does not have any more stay. */
  KeepsStacks?: true;
  /** What is changed by hand is shown, and stays. */
  KeepsDrift?: true;
  /** What becomes of a version that fails, where the operator says nothing. */
  OnFailure?: 'rollback' | 'stay';
  /** Names of services: a wave comes when those before it are healthy. */
  Waves?: readonly (readonly string[])[];
  /** All stacks of the commit come in one entry, or none; and go back in one. */
  Atomic?: true;
}

export type RenderedStack = {
  Name: string;
  /** Folder inside the repository. */ Path: string;
  Commit: string;
  /** Who made the commit, as it says. */ Who?: string;
  /** What is worth knowing, though it is no error. */ Notes?: readonly string[];
  Policy?: StackPolicy;
  /** Services that another stack of the commit has from now on (`order/moves`). */ Moves?: readonly ServiceMove[];
  /** Services that go at once, for another stack that comes in one entry with it gets what they have (`order/moves`). */ Yields?: readonly string[];
  /** Digest of all that come in one entry with it: of the commit, where that is one unit (`unit`), or of those in `With`. */ Unit?: string;
  /** Stacks that come in one entry with it, itself among them: they exchange published ports. */ With?: readonly string[];
} & (
  | { spec: StackSpec; digest: string; /** Name of an object → `file:line:column` where it is declared. */ Places?: Readonly<Record<string, string>> }
  | { errors: readonly string[] }
);

const longestMessage = 1000;

/** What is stored of a refusal, in several places: a refusal may hold a whole line of a file. */
export function shortMessage(message: string): string {
  return message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
}

/** A refusal by the cluster, at the place of the object that it speaks of; at the stack's folder when it speaks of none. */
export function placedError(rendered: RenderedStack, message: string): string {
  const places: Readonly<Record<string, string>> = ('spec' in rendered && rendered.Places) || {};
  const words = new Set(message.split(/[\s'",;:()]+/));
  const named = /failed to \w+ \w+ ([^\s:]+)/.exec(message)?.[1] ?? '';
  const name = Object.hasOwn(places, named) ? named : Object.keys(places).find((each) => words.has(each));
  return `${(name !== undefined && places[name]) || rendered.Path}: ${shortMessage(message)}`;
}

/** What is worth knowing of each stack, by its name, and of what is none (`Declared.LeftOut`); stacks of which there is nothing to say are left out. */
export function notesOf(stacks: readonly RenderedStack[], leftOut: Readonly<Record<string, string>> = {}): Record<string, readonly string[]> {
  const notes = new Map(stacks.flatMap(({ Name, Notes = [] }) => (Notes.length > 0 ? [[Name, Notes] as const] : [])));
  for (const [name, text] of Object.entries(leftOut)) notes.set(name, [...(notes.get(name) ?? []), text]);
  return Object.fromEntries(notes);
}
