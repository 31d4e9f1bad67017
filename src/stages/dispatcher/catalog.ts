/** All items that nodes are given, and which node holds which: kept by the events of each commit, so that a change costs what it touches. */
import { equal } from '#base/equal';
import { Pace, type Steps } from '#base/pace/steps';
import { roleOf } from '#model/manager-address';
import { managersItemId, peerId, type AssignmentUpdate } from '#model/object/assignment';
import { addressedNetworksOf, type Service } from '#model/object/service';
import { isIngress } from '#model/port/port';
import type { EventOf, StoreEvent } from '#store/action';
import type { View } from '#store/view';
import { Counts, idOf, needsOf, withoutMembers, type TaskNeeds, type Topic } from './audience.ts';
import { apart, deliverMove, Deliveries, isNobody, without, type Audience, type Delivery } from './deliveries.ts';
import { HeldLists } from './held-lists.ts';
import { differs, inOrder, itemKey, itemOf, joinedInOrder, keyParts, type ItemKey } from './item.ts';

const managersKey = itemKey('managers', managersItemId);
/** So many tasks are taken in in one step; of services and nodes, which concern more, a fourth. */
const tasksAtOnce = 200;

/** What a commit touched, as it was before. */
interface Before {
  items: Map<ItemKey, { update: AssignmentUpdate | undefined; topics: readonly Topic[] }>;
  /** Networks of the nodes that came to or left one. */
  nodes: Map<string, ReadonlySet<string>>;
}

export class Catalog {
  #view: View;
  /** Only what is under a topic is here. */
  readonly #items = new Map<ItemKey, AssignmentUpdate>();
  readonly #topics = new Counts<ItemKey, Topic>();
  readonly #keys = new Counts<Topic, ItemKey>();
  readonly #networksOfNode = new Counts<string, string>();
  readonly #nodesOfNetwork = new Counts<string, string>();
  /** By task: what it was counted for, so that the same is taken back. */
  readonly #needs = new Map<string, TaskNeeds>();
  /** Services with ingress ports: every node answers for them. */
  readonly #published = new Set<string>();
  /** Services and nodes that `fill` is still to take in, by their items' keys: what happens to them is seen then. */
  readonly #ahead = new Set<ItemKey>();
  /** While a commit is taken in. */
  #before: Before | undefined;
  /** Who is meant by topics, by their text: now, and before the commit. The same topics give the same set, so that who hears of many things is asked once. */
  readonly #audiences = new Map<string, Audience>();
  readonly #formerAudiences = new Map<string, Audience>();
  /** What all nodes hold, and beside that those on the same networks, in order: until something of that kind changes. Nodes come by the thousand when the leader is another one. */
  readonly #common = new HeldLists();

  /** Empty: all that the view holds comes by `fill`. */
  constructor(view: View) {
    this.#view = view;
    for (const { ID } of view.list('service')) this.#ahead.add(itemKey('service', ID));
    for (const { ID } of view.list('node')) this.#ahead.add(itemKey('node', ID));
    this.#place(managersKey, 'all');
  }

  /** Takes the view in, some of it between two yields; commits may come in between. Before its end no node's items are whole. */
  *fill(atOnce = tasksAtOnce): Steps<void> {
    const ids = Array.from(this.#view.list('task'), ({ ID }) => ID);
    const few = new Pace(Math.ceil(atOnce / 4));
    for (const key of this.#ahead) {
      if (few.isDue) yield;
      // It may have gone in that pause.
      if (this.#ahead.delete(key)) this.#takeIn(key);
    }
    const many = new Pace(atOnce);
    for (const id of ids) {
      if (many.isDue) yield;
      this.#recount(id);
    }
  }

  #takeIn(key: ItemKey): void {
    const { kind, id } = keyParts(key);
    const [service, node] = [kind === 'service' ? this.#view.get('service', id) : undefined, kind === 'node' ? this.#view.get('node', id) : undefined];
    if (service) this.#service({ kind: 'service', id, object: service });
    if (node) this.#node({ kind: 'node', id, object: node });
  }

  /** Everything that the node is to know, what others need before them. */
  itemsOf(nodeId: string): readonly AssignmentUpdate[] {
    const networks = [...this.#networksOfNode.of(nodeId)].sort();
    const on = new Set(networks);
    const topics = networks.map((id): Topic => `network:${id}`);
    const all = this.#common.of('all', () => this.#itemsUnder(['all']));
    const there = this.#common.of(topics.join(), () => this.#itemsUnder(topics, (key) => !this.#topics.has(key, 'all')));
    const own = this.#itemsUnder([`node:${nodeId}`], (key) => !this.#listens(on, key));
    return joinedInOrder(joinedInOrder(all, there), own);
  }

  #itemsUnder(topics: readonly Topic[], isMeant: (key: ItemKey) => boolean = () => true): AssignmentUpdate[] {
    const keys = new Set<ItemKey>();
    for (const topic of topics) for (const key of this.#keys.of(topic)) if (isMeant(key)) keys.add(key);
    const updates: AssignmentUpdate[] = [];
    for (const key of keys) {
      const update = this.#items.get(key);
      if (update) updates.push(update);
    }
    return inOrder(updates) as AssignmentUpdate[];
  }

  /** Who is told of the item. */
  audienceOf(key: ItemKey): Audience {
    const topics = [...this.#topics.of(key)];
    // Not remembered: a commit may be what changes it.
    return topics.includes('all') ? 'all' : this.#nodesOf(topics);
  }

  /** Takes in a commit, which `view` holds already, and says who is to hear what of it. */
  commit(view: View, events: readonly StoreEvent[]): Delivery[] {
    this.#view = view;
    const before: Before = { items: new Map(), nodes: new Map() };
    this.#before = before;
    for (const event of events) this.#take(event);
    this.#before = undefined;
    this.#audiences.clear();
    this.#formerAudiences.clear();
    const deliveries = new Deliveries();
    for (const [key, { update, topics }] of before.items) this.#deliverItem(deliveries, key, update, this.#formerAudience(before, topics));
    this.#deliverToMoved(before, deliveries);
    return deliveries.all();
  }

  #take(event: StoreEvent): void {
    switch (event.kind) {
      case 'task':
        this.#recount(event.id);
        this.#refresh(itemKey('task', event.id));
        this.#refresh(itemKey('backend', event.id));
        this.#refresh(itemKey('service', event.id));
        return;
      case 'service':
        return this.#service(event);
      case 'node':
        return this.#node(event);
      case 'cluster':
        // Whom nodes are to trust goes along.
        return this.#refresh(managersKey);
      case 'network':
      case 'secret':
      case 'config':
        return this.#refresh(itemKey(event.kind, event.id));
      default:
    }
  }

  /** It is still to be taken in, as it will be then; what goes is not. */
  #isAhead(key: ItemKey, object: unknown): boolean {
    if (!this.#ahead.has(key)) return false;
    if (object === undefined) this.#ahead.delete(key);
    this.#refresh(key);
    return true;
  }

  #service({ id, object, previous }: EventOf<'service'>): void {
    if (this.#isAhead(itemKey('service', id), object)) return;
    const [was, is] = [previous, object].map((service) => service !== undefined && publishes(service));
    if (is) this.#published.add(id);
    else this.#published.delete(id);
    if (is && !was) this.#place(itemKey('service', id), 'all');
    if (was && !is) this.#displace(itemKey('service', id), 'all');
    // Those that come with it are counted when it is their turn.
    if (was !== is) for (const task of this.#view.tasksOfService(id)) if (this.#needs.has(task.ID)) this.#recount(task.ID);
    this.#virtualAddresses(itemKey('service', id), previous ? addressedNetworksOf(previous) : [], object ? addressedNetworksOf(object) : []);
    this.#refresh(itemKey('service', id));
  }

  /** A service that is found by its own address exists wherever that is, though it has no task there or none at all. */
  #virtualAddresses(key: ItemKey, before: readonly string[], after: readonly string[]): void {
    for (const id of after) if (!before.includes(id)) this.#place(key, `network:${id}`);
    for (const id of before) if (!after.includes(id)) this.#displace(key, `network:${id}`);
  }

  #node({ id, object, previous }: EventOf<'node'>): void {
    // Only a node that is or was one changes where the managers are.
    if ([object, previous].some((node) => node && roleOf(node) === 'manager')) this.#refresh(managersKey);
    // Of one that is heard again nobody is the last that is known.
    if ((object?.Status.State === 'down') !== (previous?.Status.State === 'down'))
      for (const { ID } of this.#view.tasksOfNode(id)) this.#refresh(itemKey('backend', ID));
    if (this.#isAhead(itemKey('node', id), object)) return;
    if (object && !previous) this.#place(itemKey('node', id), `node:${id}`);
    if (previous && !object) this.#displace(itemKey('node', id), `node:${id}`);
    this.#refresh(itemKey('node', id));
    this.#gateways(id, Object.keys(previous?.Shoal?.Gateways ?? {}), Object.keys(object?.Shoal?.Gateways ?? {}));
  }

  /** A node with an address in a network is on it, and the others there know where it is reached. */
  #gateways(nodeId: string, before: readonly string[], after: readonly string[]): void {
    for (const id of after.filter((each) => !before.includes(each))) {
      this.#join(nodeId, id);
      this.#place(itemKey('network', id), `node:${nodeId}`);
      this.#place(itemKey('peer', peerId(id, nodeId)), `network:${id}`);
    }
    for (const id of before.filter((each) => !after.includes(each))) {
      this.#displace(itemKey('peer', peerId(id, nodeId)), `network:${id}`);
      this.#displace(itemKey('network', id), `node:${nodeId}`);
      this.#leave(nodeId, id);
    }
    for (const id of after) this.#refresh(itemKey('peer', peerId(id, nodeId)));
  }

  /** What the task asks for now in place of what it asked for before. */
  #recount(taskId: string): void {
    const task = this.#view.get('task', taskId);
    const old = this.#needs.get(taskId);
    const needs = task && needsOf(task, this.#published.has(task.ServiceID));
    if (equal(old, needs)) return;
    // The new ones first: what both ask for never seems to go.
    for (const [key, topic] of needs?.places ?? []) this.#place(key, topic);
    for (const id of needs?.networks ?? []) this.#join(needs?.node ?? '', id);
    for (const [key, topic] of old?.places ?? []) this.#displace(key, topic);
    for (const id of old?.networks ?? []) this.#leave(old?.node ?? '', id);
    if (needs) this.#needs.set(taskId, needs);
    else this.#needs.delete(taskId);
  }

  #place(key: ItemKey, topic: Topic): void {
    this.#touch(key);
    if (!this.#topics.add(key, topic)) return;
    this.#keys.add(topic, key);
    this.#changed([topic]);
    if (!this.#items.has(key)) this.#refresh(key);
  }

  #displace(key: ItemKey, topic: Topic): void {
    this.#touch(key);
    if (!this.#topics.take(key, topic)) return;
    this.#keys.take(topic, key);
    this.#changed([topic]);
    if (isEmpty(this.#topics.of(key))) this.#items.delete(key);
  }

  /** The item as the store has it by now; an equal one stays the same object, so that its bytes are not made again. */
  #refresh(key: ItemKey): void {
    if (isEmpty(this.#topics.of(key))) return;
    this.#touch(key);
    const update = itemOf(this.#view, key);
    const known = this.#items.get(key);
    if (update && known && update.kind !== 'task' && !differs(known, update)) return;
    if (update) this.#items.set(key, update);
    else this.#items.delete(key);
    this.#changed(this.#topics.of(key));
  }

  /** Something under these topics is another than before. */
  #changed(topics: Iterable<Topic>): void {
    if (this.#common.isEmpty) return;
    for (const topic of topics) if (!topic.startsWith('node:')) return this.#common.clear();
  }

  #join(nodeId: string, networkId: string): void {
    this.#touchNode(nodeId);
    this.#networksOfNode.add(nodeId, networkId);
    this.#nodesOfNetwork.add(networkId, nodeId);
  }

  #leave(nodeId: string, networkId: string): void {
    this.#touchNode(nodeId);
    this.#networksOfNode.take(nodeId, networkId);
    this.#nodesOfNetwork.take(networkId, nodeId);
  }

  #touch(key: ItemKey): void {
    if (this.#before && !this.#before.items.has(key)) this.#before.items.set(key, { update: this.#items.get(key), topics: [...this.#topics.of(key)] });
  }

  #touchNode(nodeId: string): void {
    if (this.#before && !this.#before.nodes.has(nodeId)) this.#before.nodes.set(nodeId, new Set(this.#networksOfNode.of(nodeId)));
  }

  #deliverItem(deliveries: Deliveries, key: ItemKey, old: AssignmentUpdate | undefined, former: Audience): void {
    const update = this.#items.get(key);
    const audience = update ? this.#audience([...this.#topics.of(key)]) : nobody;
    const lost = old ? without(former, audience) : nobody;
    if (!isNobody(lost)) deliveries.add({ action: 'remove', ...keyParts(key) }, lost);
    if (!update) return;
    // Where all lost it, those who still hold it hear of it again.
    const told = !old || lost === 'all' || differs(old, update) ? audience : without(audience, former);
    deliveries.add(update, told);
  }

  /** Nodes that came to a network hear of all that is on it; those that left it, that it is no more. What the commit touched itself has been told. */
  #deliverToMoved(before: Before, deliveries: Deliveries): void {
    for (const { nodes, former, networks } of this.#moved(before)) {
      const gained = this.#othersOn(before, difference(networks, former), former);
      const lost = this.#othersOn(before, difference(former, networks), networks);
      const alike = new Set<string>();
      for (const nodeId of nodes) {
        // What it holds for its own tasks' sake it neither gains nor loses.
        const own = [...this.#keys.of(`node:${nodeId}`)].filter((key) => gained.has(key) || lost.has(key));
        if (own.length === 0) alike.add(nodeId);
        else deliverMove(deliveries, new Set([nodeId]), apart(gained, own), apart(lost, own));
      }
      deliverMove(deliveries, alike, gained, lost);
    }
  }

  /** The nodes that came to a network or left one, those that moved alike together: a thousand nodes share their lists. */
  #moved(before: Before): Iterable<Move> {
    const moves = new Map<string, Move>();
    for (const [nodeId, former] of before.nodes) {
      const networks = new Set(this.#networksOfNode.of(nodeId));
      const text = [former, networks].map((ids) => [...ids].sort().join()).join(' ');
      const known = moves.get(text);
      if (known) known.nodes.push(nodeId);
      else moves.set(text, { nodes: [nodeId], former, networks });
    }
    return moves.values();
  }

  /** Items on these networks that the commit did not touch, but for those that a node on `others` hears of anyway. */
  #othersOn(before: Before, networks: readonly string[], others: ReadonlySet<string>): Map<ItemKey, AssignmentUpdate> {
    const found = new Map<ItemKey, AssignmentUpdate>();
    for (const id of networks) {
      for (const key of this.#keys.of(`network:${id}`)) {
        const update = this.#items.get(key);
        if (update && !before.items.has(key) && !this.#listens(others, key)) found.set(key, update);
      }
    }
    return found;
  }

  /** Every node on `networks` holds what is under this key. */
  #listens(networks: ReadonlySet<string>, key: ItemKey): boolean {
    for (const topic of this.#topics.of(key)) {
      if (topic === 'all' || (topic.startsWith('network:') && networks.has(topic.slice('network:'.length)))) return true;
    }
    return false;
  }

  #audience(all: readonly Topic[]): Audience {
    if (all.includes('all')) return 'all';
    const topics = withoutMembers(all, (node, network) => this.#networksOfNode.has(node, network));
    return remembered(this.#audiences, topics, () => this.#nodesOf(topics));
  }

  #nodesOf(topics: readonly Topic[]): Audience {
    const nodes = new Set<string>();
    for (const topic of topics) {
      const id = idOf(topic);
      if (topic.startsWith('node:')) nodes.add(id);
      else for (const node of this.#nodesOfNetwork.of(id)) nodes.add(node);
    }
    return nodes;
  }

  /** The nodes that these topics meant before the commit; the very same set as now when nobody came or went: then nothing has to be compared. */
  #formerAudience(before: Before, all: readonly Topic[]): Audience {
    const networks = all.filter((topic) => topic.startsWith('network:')).sort();
    if (all.includes('all') || networks.length === 0 || before.nodes.size === 0) return this.#audience(all);
    // Items of many tasks differ in the task's own node alone, which is on its networks: they share one set.
    const members = remembered(this.#formerAudiences, networks, () => this.#formerMembers(before, networks));
    const others = all.filter((topic) => topic.startsWith('node:')).map(idOf);
    if (members !== 'all' && others.some((node) => !members.has(node))) return new Set([...members, ...others]);
    return members;
  }

  /** The nodes that were on any of these networks before the commit. */
  #formerMembers(before: Before, networks: readonly Topic[]): Audience {
    const audience = this.#audience(networks);
    if (audience === 'all') return audience;
    const nodes = new Set(audience);
    for (const [nodeId, former] of before.nodes) {
      if (networks.some((topic) => former.has(idOf(topic)))) nodes.add(nodeId);
      else nodes.delete(nodeId);
    }
    return nodes.size === audience.size && [...nodes].every((id) => audience.has(id)) ? audience : nodes;
  }
}

const nobody: Audience = new Set();

/** Nodes that were on `former` networks before the commit, and are on `networks` now. */
interface Move {
  nodes: string[];
  former: ReadonlySet<string>;
  networks: ReadonlySet<string>;
}

function remembered(known: Map<string, Audience>, topics: readonly Topic[], find: () => Audience): Audience {
  const text = topics.join('\n');
  let audience = known.get(text);
  if (audience === undefined) known.set(text, (audience = find()));
  return audience;
}

function difference(a: ReadonlySet<string>, b: ReadonlySet<string>): string[] {
  return [...a].filter((item) => !b.has(item));
}

function isEmpty(values: Iterable<unknown>): boolean {
  for (const _ of values) return false;
  return true;
}

function publishes(service: Service): boolean {
  return (service.Endpoint?.Ports ?? []).some(isIngress);
}
