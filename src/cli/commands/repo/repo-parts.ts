/** What a repository has several of: tokens, issuers, targets. Each kind is listed and taken away in one way. */
import type { Command } from 'commander';
import { listLines, type Column } from '../../output/list.ts';
import { openSession } from '../../session.ts';
import { removeEach } from '../change.ts';

export interface Parts<T> {
  /** Below the repository's own path. */
  path: string;
  /** Those of a repository as the daemon shows it. */
  of: (repository: Record<string, readonly T[] | undefined>) => readonly T[] | undefined;
  columns: readonly Column<T>[];
  /** What `ls` and `rm` do. */
  listing: string;
  removing: string;
}

export function repositoryPath(name: string): string {
  return `/shoal/v1/repositories/${encodeURIComponent(name)}`;
}

/** `ls NAME` and `rm NAME ID...` below `command`. */
export function addParts<T extends { ID: string }>(command: Command, { path, of, columns, listing, removing }: Parts<T>): void {
  command
    .command('ls')
    .alias('list')
    .description(listing)
    .argument('<name>', 'repository')
    .option('--format <template>', 'table, json or a template')
    .option('-q, --quiet', 'only ids')
    .action(async (name: string, flags: { format?: string; quiet?: boolean }, called: Command) => {
      const { client, terminal } = openSession(called);
      const parts = of(await client.get<Record<string, readonly T[] | undefined>>(repositoryPath(name))) ?? [];
      for (const line of await listLines(parts, columns, flags, ({ ID }) => ID)) terminal.out(line);
    });
  command
    .command('rm')
    .alias('remove')
    .description(removing)
    .argument('<name>', 'repository')
    .argument('<id...>')
    .action((name: string, ids: readonly string[], _flags: object, called: Command) =>
      removeEach(openSession(called), ids, (id) => `${repositoryPath(name)}/${path}/${encodeURIComponent(id)}`),
    );
}
