/** Ids of commands that run in another node's container: the engine's id and the node's, so that every manager finds them again. */

export interface RemoteExec {
  /** As its engine knows it. */
  execId: string;
  nodeId: string;
}

const form = /^([0-9a-f]{64})-([0-9a-z]{1,64})$/;

export function remoteExecId({ execId, nodeId }: RemoteExec): string {
  return `${execId}-${nodeId}`;
}

/** Undefined for the id of a command on this host. */
export function remoteExec(id: string): RemoteExec | undefined {
  const [, execId, nodeId] = form.exec(id) ?? [];
  return execId === undefined || nodeId === undefined ? undefined : { execId, nodeId };
}
