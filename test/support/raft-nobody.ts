/** The configuration of a member that has nothing yet: it belongs to no group, and learns who does from the snapshot it is sent. */
import type { Configuration } from '#raft/message';

export const nobody: Configuration = { voters: [], learners: [] };
