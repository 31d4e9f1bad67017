/** What the daemon says of a stack or a repository, a sentence a line. */
import type { Command } from 'commander';
import { openSession } from '../session.ts';

export async function explain(command: Command, path: string): Promise<void> {
  const { client, terminal } = openSession(command);
  for (const line of (await client.get<{ Lines: readonly string[] }>(path)).Lines) terminal.out(line);
}
