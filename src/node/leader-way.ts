/** The API's way to whoever leads, over what this node is of a manager by now. */
import type { LeaderLine } from '#api/dependencies';
import { Refusal } from '#base/refusal';
import { swarmTexts } from '#model/swarm-texts';
import { noLeaderRefusal } from '#replica/group/standing';
import type { ManagerPart } from './member/manager-part.ts';

/** @param managing refuses where this node is no manager @param problem what keeps the node itself from the others */
export function leaderWay(managing: () => ManagerPart, problem: () => string | undefined): LeaderLine {
  const standing = () => managing().seat.standing();
  return {
    alone: () => {
      const { id, members = [] } = standing() ?? {};
      return members.length === 1 && members[0]?.id === id;
    },
    leads: () => managing().seat.leads(),
    open: () => {
      const { seat, forward } = managing();
      const { id, leader, members = [] } = seat.standing() ?? {};
      const found = members.find((member) => member.id === leader && member.id !== id);
      if (!found || found.address === '') return undefined;
      return forward.open(found.id, found.address, () => [undefined, found.id].includes(seat.standing()?.leader));
    },
    lost: () => {
      const { id, quorumLostAt, members = [] } = standing() ?? {};
      if (quorumLostAt === undefined) return undefined;
      // One that was let go, or was never taken in, hears of nobody: its next certificate makes it a worker.
      if (!members.some((member) => member.id === id)) return new Refusal('unavailable', swarmTexts.starting);
      const { code, message, facts } = noLeaderRefusal(standing());
      return new Refusal(code, [message, problem() ?? []].flat().join(' '), facts);
    },
    view: () => managing().seat.view(),
    standing,
    checkRemoval: (id) => managing().seat.checkRemoval(id),
  };
}
