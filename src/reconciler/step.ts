/** What is to be done about one stack of a repository. */
import type { StackLeaving, StackSource } from '#model/object/stack';
import type { RenderedStack } from './rendered.ts';

/** A version that can be deployed. */
export type AppliedStack = Extract<RenderedStack, { digest: string }>;

export type RepositorySource = StackSource & { Kind: 'repository' };

export type Step =
  | {
      type: 'apply';
      name: string;
      rendered: AppliedStack;
      source: RepositorySource;
      /** Why, for people. */
      reason: string;
      drift: boolean;
      /** The version in force is brought back while another one waits or is refused. */
      restores?: true;
      /** What differs from the stack as it is, a line each. */
      changes: readonly string[];
    }
  | { type: 'refuse'; name: string; source: RepositorySource; commit: string; errors: readonly string[] }
  | {
      type: 'hold';
      name: string;
      source: RepositorySource;
      commit: string;
      /** Why, and the word that lets it go on. */
      reason: string;
      /** The stack's record is somebody else's, and stays as it is. */
      foreign: boolean;
    }
  | { type: 'remove'; name: string; reason: string }
  /** It is gone from the commit, and runs on for a while. */
  | { type: 'leave'; name: string; leaving: StackLeaving; reason: string }
  /** It is there again before that is over. */
  | { type: 'return'; name: string; reason: string }
  /** It comes after others, which are on their way. */
  | { type: 'wait'; name: string; source: RepositorySource; commit: string; reason: string };
