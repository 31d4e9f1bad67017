/** `swarm unlock|unlock-key`: the key that locked managers wait for. */
import type { Command } from 'commander';
import type { ClusterSpec } from '#model/object/cluster';
import type { Client } from '../../client.ts';
import { CommandError } from '../../command-error.ts';
import { readHidden } from '../../hidden-input.ts';
import type { Terminal } from '../../output/terminal.ts';
import { openSession } from '../../session.ts';

interface KeyFlags {
  rotate?: boolean;
  quiet?: boolean;
}

export function addLock(swarm: Command): void {
  swarm.command('unlock').description('give a locked manager its key: asked for at the terminal, or the first line of standard input').action(unlock);
  swarm
    .command('unlock-key')
    .description('show the key that managers need after a restart')
    .option('--rotate', 'exchange the key')
    .option('-q, --quiet', 'only the key')
    .action(showKey);
}

/** Says what to keep where the cluster is locked. */
export async function tellKey(client: Client, terminal: Terminal): Promise<void> {
  const key = await keyOf(client);
  if (key === '') return;
  terminal.out(
    `To unlock a swarm manager after it restarts, run the \`shoal swarm unlock\`\ncommand and provide the following key:\n\n    ${key}\n\n` +
      'Remember to store this key in a password manager, since without it you\nwill not be able to restart the manager.',
  );
}

async function keyOf(client: Client): Promise<string> {
  return (await client.get<{ UnlockKey: string }>('/swarm/unlockkey')).UnlockKey;
}

async function unlock(_flags: object, command: Command): Promise<void> {
  const { client } = openSession(command);
  const { Swarm } = await client.get<{ Swarm?: { LocalNodeState?: string } }>('/info');
  if (Swarm?.LocalNodeState === 'inactive') throw new CommandError('Error: This node is not part of a swarm');
  if (Swarm?.LocalNodeState !== 'locked') throw new CommandError('Error: swarm is not locked');
  await client.post('/swarm/unlock', { UnlockKey: await readHidden('Enter unlock key: ') });
}

async function showKey({ rotate, quiet }: KeyFlags, command: Command): Promise<void> {
  const { client, terminal } = openSession(command);
  if (rotate) {
    const { Version, Spec } = await client.get<{ Version: { Index: number }; Spec: ClusterSpec }>('/swarm');
    if (!Spec.EncryptionConfig.AutoLockManagers) throw new CommandError('cannot rotate because autolock is not turned on');
    await client.post('/swarm/update', Spec, { query: { version: String(Version.Index), rotateManagerUnlockKey: 'true' } });
    if (!quiet) terminal.out('Successfully rotated manager unlock key.\n');
  }
  const key = await keyOf(client);
  if (key === '') throw new CommandError('no unlock key is set');
  if (quiet) terminal.out(key);
  else await tellKey(client, terminal);
}
