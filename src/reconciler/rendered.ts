/** A stack as a commit asks for it, or why it cannot be had. */
import type { StackSpec } from '#model/stack';

export type RenderedStack = { Name: string; /** Folder inside the repository. */ Path: string; Commit: string } & (
  | { spec: StackSpec; digest: string }
  | { errors: readonly string[] }
);
