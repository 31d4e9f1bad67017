/** The one table of what is never the engine's: whatever belongs to the cluster, in any spelling of its path. */
import { cleaned, decoded } from './target.ts';

/** Paths begin with these words: of the cluster, and of ours beside Docker's. */
const clusterWords: readonly string[] = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'];
const shoalWords: readonly string[] = ['shoal', 'metrics', 'healthz'];

/** Connections that an engine takes over on an upgrade; on every other path an upgrade is refused. */
const upgraded = /^\/(containers\/[^/]+\/attach(\/ws)?|exec\/[^/]+\/start|session|grpc)$/;

/** How often a path may be escaped over and over; more is nobody's honest spelling. */
const spellingLimit = 5;

/**
 * True for paths that no engine may ever see: not only as they stand, but as anybody might read them who decodes once more,
 * takes backslashes for slashes, ignores case, or strips another version.
 * @param besideSwarm the cluster is the engine's own: only our own words count
 */
export function isOwned(path: string, besideSwarm: boolean): boolean {
  const words = besideSwarm ? shoalWords : [...clusterWords, ...shoalWords];
  let spelling = path;
  for (let i = 0; i < spellingLimit; i++) {
    if (words.includes(firstWord(spelling))) return true;
    if (!spelling.includes('%')) return false;
    spelling = decodedAgain(spelling) ?? '';
  }
  return true;
}

export function mayUpgrade(path: string): boolean {
  return upgraded.test(path);
}

/** Of the path as the most generous reader would take it. */
function firstWord(path: string): string {
  const segments = cleaned(path.toLowerCase().replaceAll('\\', '/')).split('/');
  const word = segments.find((segment) => segment !== '' && !/^v[0-9.]*$/.test(segment)) ?? '';
  return word.split(/[;?#]/)[0] ?? '';
}

function decodedAgain(path: string): string | undefined {
  try {
    return decoded(path);
  } catch {
    return undefined;
  }
}
