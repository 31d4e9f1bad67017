/** Which name servers an engine asks for a container that was made without ours. */
import { readFile } from 'node:fs/promises';
import type { TaskAttachment } from '#network/contract';
import { resolversOf } from '#network/resolvers';
import { type AskedNames, ledServers } from '#network/rules/asked-names';

/** Of the host, and where that names its own stub alone, those behind it: dockerd reads the second in its place. */
const files = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];
/** Whom dockerd asks where the host names nobody that a container could reach. */
const fallback = ['8.8.8.8', '8.8.4.4'];

/** Undefined: it asks ours. */
export async function namesOf({ asks }: TaskAttachment): Promise<AskedNames | undefined> {
  if (!asks) return undefined;
  if (asks.servers.length > 0) return { ...asks, servers: ledServers(asks.servers) };
  const texts = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')));
  const servers = ledServers(texts.flatMap((text) => resolversOf(text, new Set())));
  return { ...asks, servers: servers.length > 0 ? servers : fallback };
}
