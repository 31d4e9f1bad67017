/** The cluster as `GET /swarm` shows it, and what its commands have in common. */
import { parseDuration } from '#base/text/duration';
import type { Cluster } from '#model/object/cluster';
import type { JoinTokens, TlsInfo } from '#model/object/authority';
import { CommandError, exitCodes } from '../../command-error.ts';

export interface ShownCluster extends Cluster {
  JoinTokens: JoinTokens;
  TLSInfo: Partial<TlsInfo>;
  RootRotationInProgress: boolean;
}

/** Nanoseconds; refuses in the words of docker's command line what is no duration. */
export function duration(flag: string, text: string): number {
  const nanoseconds = parseDuration(text);
  if (nanoseconds === undefined) throw new CommandError(`invalid argument "${text}" for "${flag}" flag: time: invalid duration "${text}"`, exitCodes.usage);
  return nanoseconds;
}
