/** What a manager that does not lead does for who wants a certificate: a joiner's words are handed to the leader. */
import { Places } from '#base/pace/places';
import { Refusal } from '#base/refusal';
import { trustedRoots } from '#model/trust/trust';
import { swarmTexts } from '#model/swarm-texts';
import { askToJoin } from '#rpc/ca-client';
import type { CertificateIssuer } from '#rpc/ca-service';
import { clientCredentials, type LiveTls } from '#rpc/credentials';
import { clusterOf, type View } from '#store/view';

/** Each is a connection to the leader, of which this manager has so many for all that it does. */
const mostRelayed = 16;

/** @param leader HOST:PORT; undefined while nobody is known to lead @param tls what this manager shows it */
export function relayedIssuer(view: () => View, leader: () => string | undefined, tls: () => LiveTls | undefined): CertificateIssuer {
  const places = new Places(mostRelayed);
  const authority = () => clusterOf(view())?.Shoal?.Authority;
  return {
    async root() {
      const known = authority();
      if (!known) throw new Refusal('unavailable', swarmTexts.starting);
      return known.Certificate;
    },
    async join(request, comesFrom) {
      const [address, known, own] = [leader(), authority(), tls()];
      if (address === undefined || !known || !own) throw new Refusal('unavailable', swarmTexts.starting);
      const leave = places.take();
      if (!leave) throw new Refusal('unavailable', 'too many nodes join by way of this manager at once: try again in a moment');
      return await askToJoin(address, trustedRoots(known), { ...request, comesFrom }, clientCredentials(own)).finally(leave);
    },
    // Whose it is says the certificate, and that is not handed on: the node asks the leader itself.
    async certify() {
      const address = leader();
      throw new Refusal('unavailable', swarmTexts.starting, address === undefined ? {} : { leader: address });
    },
  };
}
