import type { NodeDescription } from '#model/object/node';

/** What a node that joins knows beyond what is kept of it. */
export interface Entering {
  /** HOST:PORT of whoever led the managers. */
  leader: string | undefined;
  /** What the engine has said; undefined: it was not asked. */
  described: Promise<NodeDescription> | undefined;
}
