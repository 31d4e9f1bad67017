/** Docker's words for a node that cannot answer for a cluster: its users know them, and its tools look for them. */

const notManager = 'This node is not a swarm manager.';
const howToEnter = 'Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again';

const leaving = 'You are attempting to leave the swarm on a node that is participating as a manager.';
const howToRescue =
  'The only way to restore a swarm that has lost consensus is to reinitialize it with `--force-new-cluster`. Use `--force` to suppress this message.';

export const swarmTexts = {
  inactive: `${notManager} ${howToEnter}.`,
  /** The docker CLI's own words before it deploys a stack. */
  inactiveToClient: `this node is not a swarm manager. ${howToEnter}`,
  worker: `${notManager} Worker nodes can't be used to view or modify cluster state. Please run this command on a manager node or promote the current node to a manager.`,
  starting: `${notManager} Manager is being prepared or has trouble connecting to the cluster.`,
  locked: 'Swarm is encrypted and needs to be unlocked before it can be used. Please use "docker swarm unlock" to unlock it.',
  leavingLocked: 'Swarm is encrypted and locked. Please unlock it first or use `--force` to ignore this message.',
  wrongUnlockKey: 'swarm could not be unlocked: invalid key provided',
  expired: 'Swarm certificates have expired. To replace them, leave the swarm and join again.',
  /** Of ours, behind the one before on a manager: to leave is no way where it holds for all of them, for the cluster would be lost. */
  managersSlept:
    'Where no manager has a good certificate: "shoal swarm init --force-new-cluster" on one of them, then "shoal node readmit" there for the others.',
  needsToken: 'A valid join token is necessary to join this cluster',
  notPart: 'This node is not part of a swarm',
  alreadyPart: 'This node is already part of a swarm. Use "docker swarm leave" to leave this swarm and join another one.',
  joinTimeout:
    'Timeout was reached before node joined. The attempt to join the swarm will continue in the background. Use the "docker info" command to see the current swarm status of your node.',
  leavingLastManager: `${leaving} Removing the last manager erases all current state of the swarm. Use \`--force\` to ignore this message. `,
  leavingManager: `${leaving} ${howToRescue}`,
  leavingQuorum: (rest: number, all: number) =>
    `${leaving} Removing this node leaves ${rest} managers out of ${all}. Without a Raft quorum your swarm will be inaccessible. ${howToRescue}`,
} as const;
