/** What the loader of stack files is asked and answers. */
import type { StackSpec } from '#model/object/stack';

export interface StackFile {
  /** Shown in errors; relative paths in the first file resolve against `LoadRequest.directory`. */
  path: string;
  bytes: Uint8Array;
}

/** Reading a file that a stack file names: the disk for the CLI, Git blobs for a repository. */
export type ReadFile = (path: string) => ReadResult;
export type ReadResult = { bytes: Uint8Array } | { error: string };

export interface LoadRequest {
  /** `strict` equals Docker's own loader; `spec` is the Compose Specification on clusters. */
  mode: 'strict' | 'spec';
  /** Stack name; absent: the file's `name:` or else the folder's name (spec mode only). */
  stack?: string;
  files: readonly StackFile[];
  /** Absolute folder that relative paths resolve against. */
  directory: string;
  /** The caller's home, for `~`; absent where there is none. */
  home?: string;
  environment: Readonly<Record<string, string>>;
  read: ReadFile;
  /** Refuse paths that lead out of this absolute folder: set when a repository is rendered. */
  confine?: string;
  profiles?: readonly string[];
  /** Spec mode: files of variables, in order; absent: `.env` in `directory`, where there is one. */
  envFiles?: readonly string[];
  /** Undefined variables without a default are errors, not warnings. */
  strictVariables?: boolean;
  /** Tell where in the files each object is declared, for refusals that come later. */
  places?: boolean;
  /** Secrets and configs get names that follow their content where they are deployed, so that a change makes a new one. */
  rotate: boolean;
}

export interface Diagnostic {
  severity: 'error' | 'warning';
  /** Path of the stack file, and place in it, counted from 1; absent when there is no place. */
  file?: string;
  line?: number;
  column?: number;
  /** services.web.ports.0 */
  key?: string;
  message: string;
  /** What would be right. */
  hint?: string;
}

export interface LoadResult {
  /** Absent when there is an error. */
  stack?: StackSpec;
  /** Sorted by place. */
  diagnostics: readonly Diagnostic[];
  /** If asked for: name of a network, secret, config or service → `file:line:column`. */
  places?: Readonly<Record<string, string>>;
}

/** One line for people: file:line:column: key: message (hint). */
export function diagnosticText(diagnostic: Diagnostic): string {
  const place = [diagnostic.file, diagnostic.line, diagnostic.column].filter((part) => part !== undefined).join(':');
  const parts = [place, diagnostic.key, diagnostic.message].filter((part) => part !== undefined && part !== '');
  return parts.join(': ') + (diagnostic.hint === undefined ? '' : ` (${diagnostic.hint})`);
}
