/** What a manager that does not lead does for who wants a certificate: a joiner's words are handed to the leader. */
import { Refusal } from '#base/refusal';
import { trustedRoots } from '#model/trust/trust';
import { swarmTexts } from '#model/swarm-texts';
import { askToJoin } from '#rpc/ca-client';
import type { CertificateIssuer } from '#rpc/ca-service';
import { clientCredentials, type LiveTls } from '#rpc/credentials';
import { clusterOf, type View } from '#store/view';

/** @param leader HOST:PORT; undefined while nobody is known to lead @param tls what this manager shows it */
export function relayedIssuer(view: () => View, leader: () => string | undefined, tls: () => LiveTls | undefined): CertificateIssuer {
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
      return await askToJoin(address, trustedRoots(known), { ...request, comesFrom }, clientCredentials(own));
    },
    // Whose it is says the certificate, and that is not handed on: the node asks the leader itself.
    async certify() {
      const address = leader();
      throw new Refusal('unavailable', swarmTexts.starting, address === undefined ? {} : { leader: address });
    },
  };
}
