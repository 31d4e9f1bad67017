/** Whether a version of a service that somebody waits for is still the one that counts. */
import { wasRolledBack } from './rolled-back.ts';
import type { Service, ServiceOrigin } from '../object/service.ts';

/** What took the place of the version, for people; undefined while it counts, also when it failed and was rolled back by itself. */
export function supersededBy(service: Service, version: number): string | undefined {
  const { SpecVersion, PreviousSpecVersion, Origin } = service.Shoal;
  if (SpecVersion === version) return undefined;
  if ((wasRolledBack(service) || wasGivenUp(service, version)) && PreviousSpecVersion === version) return undefined;
  return originText(Origin);
}

/** Whether its whole stack went back because that version, or another service's of the same deploy, failed. */
export function wasGivenUp({ Shoal: { Origin, PreviousSpecVersion } }: Pick<Service, 'Shoal'>, version: number): boolean {
  return Origin?.Kind === 'stack rollback' && Origin.Failed && PreviousSpecVersion === version;
}

function originText(origin: ServiceOrigin | undefined): string {
  if (origin?.Kind === 'repository') return `commit ${origin.Commit.slice(0, 12)} of repository ${origin.Repository}`;
  if (origin?.Kind === 'deploy') return 'another deploy of its stack';
  if (origin?.Kind === 'stack rollback') return `a rollback of its stack to revision ${origin.Revision}`;
  return origin?.Kind === 'rollback' ? 'a rollback of the service' : 'an update of the service';
}
