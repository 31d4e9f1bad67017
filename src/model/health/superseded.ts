/** Whether a version of a service that somebody waits for is still the one that counts. */
import { wasRolledBack } from './rolled-back.ts';
import type { Service, ServiceOrigin } from '../object/service.ts';

/** What took the place of the version, for people; undefined while it counts, also when it failed and was rolled back by itself. */
export function supersededBy(service: Service, version: number): string | undefined {
  const { SpecVersion, PreviousSpecVersion, Origin } = service.Shoal;
  if (SpecVersion === version) return undefined;
  if (wasRolledBack(service) && PreviousSpecVersion === version) return undefined;
  return originText(Origin);
}

function originText(origin: ServiceOrigin | undefined): string {
  if (origin?.Kind === 'repository') return `commit ${origin.Commit.slice(0, 12)} of repository ${origin.Repository}`;
  if (origin?.Kind === 'deploy') return 'another deploy of its stack';
  return origin?.Kind === 'rollback' ? 'a rollback of the service' : 'an update of the service';
}
