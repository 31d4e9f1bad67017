/** Where tasks go: evenly over the branches of their spread preferences, at the leaves to the best node. One tree serves all groups that ask for the same. */
import { own } from '#base/text/own';
import { Heap } from '#base/heap';
import type { Node } from '#model/object/node';
import type { Task } from '#model/object/task';
import type { Candidate } from './candidate.ts';

interface Branch {
  /** By label value; empty at a leaf. */
  branches: Map<string, Branch>;
  /** A leaf's usable nodes, emptiest first. An entry may be out of date: nodes only fill while a tree lives. */
  nodes: Heap<Ranked>;
}

interface Ranked {
  candidate: Candidate;
  /** As it was when it was put here. */
  activeTasks: number;
}

type LabelOf = (node: Node) => string;

/** The preferences' descriptors that name labels, as a text: tasks with the same one can share a tree. */
export function spreadKey(task: Task): string {
  return (task.Spec.Placement?.Preferences ?? []).map(({ Spread }) => Spread?.SpreadDescriptor ?? '').join('\n');
}

export class SpreadTree {
  readonly root = newBranch();
  readonly #labels: readonly LabelOf[];
  readonly #accepts: (candidate: Candidate) => boolean;

  /** `accepts` must not go by the service: what is refused once is out for all. */
  constructor(task: Task, accepts: (candidate: Candidate) => boolean) {
    this.#labels = spreadLabels(task);
    this.#accepts = accepts;
  }

  /** There are branches. */
  get isSpread(): boolean {
    return this.#labels.length > 0;
  }

  /** Takes a node in, if it is accepted. */
  add(candidate: Candidate): void {
    if (this.#accepts(candidate)) this.put(this.leafOf(candidate), candidate);
  }

  /** The branches from the root to the candidate's leaf. */
  pathOf(candidate: Candidate): Branch[] {
    const path = [this.root];
    for (const label of this.#labels) {
      const branches = (path.at(-1) ?? this.root).branches;
      const value = label(candidate.node);
      let child = branches.get(value);
      if (!child) branches.set(value, (child = newBranch()));
      path.push(child);
    }
    return path;
  }

  leafOf(candidate: Candidate): Branch {
    return this.pathOf(candidate).at(-1) ?? this.root;
  }

  put(leaf: Branch, candidate: Candidate): void {
    leaf.nodes.push({ candidate, activeTasks: candidate.activeTasks });
  }

  /** The emptiest usable node of the leaf but for those that `skip` takes out, which the caller puts back. */
  emptiest(leaf: Branch, skip: (candidate: Candidate) => boolean): Candidate | undefined {
    for (let top = leaf.nodes.peek(); top; top = leaf.nodes.peek()) {
      const { candidate, activeTasks } = top;
      if (activeTasks === candidate.activeTasks && !skip(candidate) && this.#accepts(candidate)) return candidate;
      leaf.nodes.pop();
      if (activeTasks !== candidate.activeTasks) this.put(leaf, candidate);
    }
    return undefined;
  }
}

export interface GroupOptions {
  /** Nodes that have tasks of the service, or where the group failed lately. */
  known: Iterable<Candidate>;
  activeOn(candidate: Candidate): number;
  accepts(candidate: Candidate): boolean;
  isBetter(a: Candidate, b: Candidate): boolean;
}

/** Places the tasks of one group, one after the other, in a tree that others use after it. */
export class GroupPlacement {
  readonly #tree: SpreadTree;
  readonly #options: GroupOptions;
  /** Active tasks of the service in a branch, on whatever node: also those on unusable ones count. */
  readonly #tasks = new Map<Branch, number>();
  /** Nodes that are not ranked by their emptiness alone. */
  readonly #known = new Set<Candidate>();
  readonly #knownOf = new Map<Branch, KnownNodes>();
  readonly #exhausted = new Set<Branch>();
  /** Taken out of the tree's leaves meanwhile. */
  readonly #aside: [leaf: Branch, candidate: Candidate][] = [];

  constructor(tree: SpreadTree, options: GroupOptions) {
    this.#tree = tree;
    this.#options = options;
    for (const candidate of options.known) {
      const active = options.activeOn(candidate);
      if (!tree.isSpread) {
        this.#know(tree.root, candidate, active);
        continue;
      }
      const path = tree.pathOf(candidate);
      for (const branch of path) this.#tasks.set(branch, (this.#tasks.get(branch) ?? 0) + active);
      this.#know(path.at(-1) ?? tree.root, candidate, active);
    }
  }

  /** Calls `put` with the node for the next task; false when no node is left. */
  place(put: (candidate: Candidate) => void): boolean {
    return this.#placeIn(this.#tree.root, put);
  }

  /** Leaves the tree to the next group. */
  end(): void {
    for (const [leaf, candidate] of this.#aside.splice(0)) this.#tree.put(leaf, candidate);
  }

  /** Aiming always at the emptiest usable branch keeps the branches as even as the filters allow. */
  #placeIn(branch: Branch, put: (candidate: Candidate) => void): boolean {
    if (branch.branches.size === 0) return this.#placeAtLeaf(branch, put);
    for (let child = this.#emptiest(branch); child; child = this.#emptiest(branch)) {
      if (this.#placeIn(child, put)) {
        this.#tasks.set(branch, (this.#tasks.get(branch) ?? 0) + 1);
        return true;
      }
      this.#exhausted.add(child);
    }
    return false;
  }

  #placeAtLeaf(leaf: Branch, put: (candidate: Candidate) => void): boolean {
    const best = this.#bestAtLeaf(leaf);
    if (!best) return false;
    if (this.#known.has(best)) this.#knownOf.get(leaf)?.take();
    put(best);
    this.#know(leaf, best, this.#options.activeOn(best));
    this.#tasks.set(leaf, (this.#tasks.get(leaf) ?? 0) + 1);
    return true;
  }

  #emptiest(branch: Branch): Branch | undefined {
    let chosen: Branch | undefined;
    for (const child of branch.branches.values()) {
      if (!this.#exhausted.has(child) && (!chosen || this.#isEmptier(child, chosen))) chosen = child;
    }
    return chosen;
  }

  /** Of equally full branches the one with the better node goes first. */
  #isEmptier(a: Branch, b: Branch): boolean {
    const difference = (this.#tasks.get(a) ?? 0) - (this.#tasks.get(b) ?? 0);
    if (difference !== 0) return difference < 0;
    const [bestA, bestB] = [this.#best(a), this.#best(b)];
    return bestA !== undefined && (bestB === undefined || this.#options.isBetter(bestA, bestB));
  }

  #best(branch: Branch): Candidate | undefined {
    if (branch.branches.size === 0) return this.#bestAtLeaf(branch);
    let best: Candidate | undefined;
    for (const child of branch.branches.values()) {
      const candidate = this.#best(child);
      if (candidate && (!best || this.#options.isBetter(candidate, best))) best = candidate;
    }
    return best;
  }

  #bestAtLeaf(leaf: Branch): Candidate | undefined {
    const other = this.#tree.emptiest(leaf, (candidate) => this.#setAside(leaf, candidate));
    const ours = this.#knownOf.get(leaf)?.best(other !== undefined);
    if (!ours || !other) return ours ?? other;
    return this.#options.isBetter(ours, other) ? ours : other;
  }

  #setAside(leaf: Branch, candidate: Candidate): boolean {
    if (!this.#known.has(candidate)) return false;
    this.#aside.push([leaf, candidate]);
    return true;
  }

  #know(leaf: Branch, candidate: Candidate, active: number): void {
    this.#known.add(candidate);
    let known = this.#knownOf.get(leaf);
    if (!known) this.#knownOf.set(leaf, (known = new KnownNodes(this.#options)));
    known.add(candidate, active);
  }
}

/** A leaf's nodes that have tasks of the service, or where it failed. Those with tasks are the worse ones wherever a node has none, and are put in order only when all have some. */
class KnownNodes {
  readonly #options: GroupOptions;
  readonly #ranked: Heap<Candidate>;
  readonly #withTasks: Candidate[] = [];

  constructor(options: GroupOptions) {
    this.#options = options;
    this.#ranked = new Heap((a, b) => options.isBetter(a, b));
  }

  add(candidate: Candidate, active: number): void {
    if (active > 0) this.#withTasks.push(candidate);
    else this.#ranked.push(candidate);
  }

  /** The best that can be used, those with tasks left out where there are `others` without. */
  best(others: boolean): Candidate | undefined {
    if (!others) for (const candidate of this.#withTasks.splice(0)) this.#ranked.push(candidate);
    // A node that has been filled drops out.
    for (let best = this.#ranked.peek(); best; best = this.#ranked.peek()) {
      if (this.#options.accepts(best)) return best;
      this.#ranked.pop();
    }
    return undefined;
  }

  /** Takes the best one out. */
  take(): void {
    this.#ranked.pop();
  }
}

function newBranch(): Branch {
  return { branches: new Map(), nodes: new Heap(isEmptier) };
}

/** As `betterFor` ranks nodes that nothing else tells apart. */
function isEmptier(a: Ranked, b: Ranked): boolean {
  return a.activeTasks === b.activeTasks ? a.candidate.node.ID < b.candidate.node.ID : a.activeTasks < b.activeTasks;
}

/** Readers of the labels that the task's preferences name; what is no label is passed over. */
function spreadLabels(task: Task): LabelOf[] {
  return (task.Spec.Placement?.Preferences ?? []).flatMap(({ Spread }) => {
    const descriptor = Spread?.SpreadDescriptor ?? '';
    const match = /^(node|engine)\.labels\.(.+)$/i.exec(descriptor);
    if (!match) return [];
    const key = match[2] ?? '';
    const ofNode = match[1]?.toLowerCase() === 'node';
    return [(node: Node) => own(ofNode ? node.Spec.Labels : node.Description?.Engine.Labels, key) ?? ''];
  });
}
