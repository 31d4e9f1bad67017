/** What a version of this program can do, as a number that only grows: a cluster uses what all of its nodes know. */

/** Of this program. 1: a cluster of one manager. 2: requests with ids, entries that name the state they were decided on. 3: tasks answer clients by the node that these came to. 4: revisions of stacks. 5: repositories that people push to. 6: tasks that stand for containers which somebody attaches to a network; roots whose key an authority elsewhere has. 7: networks whose packets are encrypted between nodes; stacks in waves, commits as one unit, values of a vault. 8: logs of stacks and repositories; stacks that leave after a while; releases of the program itself that a repository declares. 9: repositories that are held to names, registries, ports and nodes. 10: containers that do not run give their addresses up to others. */
export const featureLevel = 10;

/** From here on a node's tasks are shown who calls. */
export const clientsLevel = 3;

/** From here on a node's packets on an encrypted network are. */
export const encryptionLevel = 7;

/** From here on waves, units and values of a vault are known. */
export const stacksLevel = 7;

/** From here on stacks that leave after a while are known. */
export const graceLevel = 8;

/** From here on nodes take up the release that a repository declares. */
export const releasesLevel = 8;

/** From here on words that take something from a repository are known. */
export const limitsLevel = 9;

/** From here on a node parks containers that do not run, and managers know what it says of them. */
export const parkingLevel = 10;
