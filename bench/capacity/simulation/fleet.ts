import type { Random } from '../../../src/ports/random.ts';
import { NODE } from '../platform.ts';
import { PULSE_SECONDS } from '../traffic.ts';
import { SimulatedClients } from './clients.ts';
import { Events } from './events.ts';
import { FleetTally } from './fleet-tally.ts';
import type { FleetLoad, Services } from './services.ts';
import { CACHE_TRIP } from './services.ts';
import { Stations } from './stations.ts';

const KIND = {
  post: 0,
  read: 1,
  readBack: 2,
  cas: 3,
  casBack: 4,
  hint: 5,
  tick: 6,
  tickBack: 7,
  look: 8,
  lookBack: 9,
  poll: 10,
  chore: 11,
} as const;

type Post = { space: number; item: number; instance: number; startedAt: number; version: number };
type Look = { instance: number; space: number; clients: number[]; seq: number };

/** How many of the last updates of a space are remembered with their times; a client that fell further behind counts those it can. */
const REMEMBERED = 64;

/**
 * Instances, each one core with a queue, nodes of memcached, each with a few, and clients that post at random and poll again. What is asked is only how long things
 * wait for each other and what is merged: how long each takes by itself is given.
 */
export class SimulatedFleet {
  readonly tally: FleetTally;
  readonly #load: FleetLoad;
  readonly #services: Services;
  readonly #random: Random;
  readonly #events = new Events();
  readonly #cores: Stations;
  readonly #nodes: Stations;
  readonly #clients: SimulatedClients;
  readonly #seq: Int32Array;
  readonly #times: Float64Array;
  readonly #versions: Int32Array;
  readonly #pending: number[][];
  readonly #pairs: Int32Array;
  readonly #posts: Post[] = [];
  readonly #freePosts: number[] = [];
  readonly #looks: Look[] = [];
  readonly #freeLooks: number[] = [];

  constructor(load: FleetLoad, services: Services, random: Random) {
    const { clients, perSpace, itemsPerSpace, instances, nodes } = load;
    const spaces = clients / perSpace;
    this.#load = load;
    this.#services = services;
    this.#random = random;
    this.#cores = new Stations(instances, 1);
    this.#nodes = new Stations(nodes, NODE.cpus);
    this.#clients = new SimulatedClients(clients, perSpace, () => this.#any(instances));
    this.#seq = new Int32Array(spaces);
    this.#times = new Float64Array(spaces * REMEMBERED);
    this.#versions = new Int32Array(spaces * itemsPerSpace);
    this.#pending = Array.from({ length: instances }, () => []);
    this.#pairs = this.#clients.pairs(instances);
    this.tally = new FleetTally(clients, this.#pairs, this.#cores, this.#nodes);
  }

  run(warmUp: number, seconds: number): void {
    const { instances, clients, rate } = this.#load;
    this.#events.add(this.#after(clients * rate), KIND.post, 0);
    for (let instance = 0; instance < instances; instance++) {
      this.#events.add(this.#random.fraction() * PULSE_SECONDS, KIND.tick, instance);
      this.#events.add(this.#after(this.#services.choresPerSecond), KIND.chore, instance);
    }
    while (this.#events.take(warmUp)) this.#happen();
    this.tally.startOver(warmUp);
    while (this.#events.take(warmUp + seconds)) this.#happen();
    this.tally.end(warmUp + seconds);
  }

  #any(below: number): number {
    return Math.floor(this.#random.fraction() * below);
  }

  /** An exponential time. */
  #after(perSecond: number): number {
    return -Math.log(1 - this.#random.fraction()) / perSecond;
  }

  #nodeOf(space: number): number {
    return space % this.#load.nodes;
  }

  #happen(): void {
    const { kind, who, time } = this.#events;
    switch (kind) {
      case KIND.post:
        this.#beginPost(time);
        break;
      case KIND.read:
        this.#readHead(who, time);
        break;
      case KIND.readBack:
        this.#workThen(this.#posts[who]?.instance ?? 0, time, this.#services.postPart, KIND.cas, who);
        break;
      case KIND.cas:
        this.#replaceHead(who, time);
        break;
      case KIND.casBack:
        this.#acknowledge(who, time);
        break;
      case KIND.hint:
        this.#hint(who, time);
        break;
      case KIND.tick:
        this.#tick(who, time);
        break;
      case KIND.tickBack:
        this.#lookForPending(who, time);
        break;
      case KIND.look:
        this.#readSpace(who, time);
        break;
      case KIND.lookBack:
        this.#deliver(who, time);
        break;
      case KIND.poll:
        this.#pollAgain(who, time);
        break;
      case KIND.chore:
        this.#cores.serve(who, time, this.#services.chore);
        this.#nodes.serve(this.#any(this.#load.nodes), time, this.#services.choreNode);
        this.#events.add(time + this.#after(this.#services.choresPerSecond), KIND.chore, who);
        break;
    }
  }

  /** Work at an instance, then half a round trip to memcached. */
  #workThen(instance: number, now: number, seconds: number, kind: number, who: number): void {
    this.#events.add(this.#cores.serve(instance, now, seconds) + CACHE_TRIP / 2, kind, who);
  }

  #beginPost(now: number): void {
    const { clients, rate, perSpace, itemsPerSpace, instances } = this.#load;
    this.#events.add(now + this.#after(clients * rate), KIND.post, 0);
    const space = Math.floor(this.#any(clients) / perSpace);
    const item = space * itemsPerSpace + this.#any(itemsPerSpace);
    const slot = this.#freePosts.pop() ?? this.#posts.length;
    this.#posts[slot] = { space, item, instance: this.#any(instances), startedAt: now, version: 0 };
    this.tally.posts++;
    this.#workThen(this.#posts[slot]?.instance ?? 0, now, this.#services.postPart, KIND.read, slot);
  }

  #readHead(slot: number, now: number): void {
    const post = this.#posts[slot] as Post;
    const done = this.#nodes.serve(this.#nodeOf(post.space), now, this.#services.postNodePart);
    post.version = this.#versions[post.item] ?? 0;
    this.#events.add(done + CACHE_TRIP / 2, KIND.readBack, slot);
  }

  #replaceHead(slot: number, now: number): void {
    const post = this.#posts[slot] as Post;
    const done = this.#nodes.serve(this.#nodeOf(post.space), now, this.#services.postNodePart);
    this.tally.turns++;
    if (post.version !== this.#versions[post.item]) {
      this.tally.conflicts++;
      // Begins again where the head was asked for; the answer has to come back first.
      const back = done + CACHE_TRIP / 2;
      this.#events.add(back + CACHE_TRIP / 2, KIND.read, slot);
      return;
    }
    this.#versions[post.item] = post.version + 1;
    const seq = (this.#seq[post.space] ?? 0) + 1;
    this.#seq[post.space] = seq;
    this.#times[post.space * REMEMBERED + (seq % REMEMBERED)] = post.startedAt;
    this.#events.add(done + CACHE_TRIP / 2, KIND.casBack, slot);
  }

  #acknowledge(slot: number, now: number): void {
    const post = this.#posts[slot] as Post;
    const end = this.#cores.serve(post.instance, now, this.#services.postPart);
    this.tally.acknowledged(end - post.startedAt);
    const here = this.#clients.of(post.space).filter((client) => this.#clients.home[client] === post.instance);
    const waiting = this.#clients.waitingOf(here);
    if (waiting.length > 0) this.#beginLook(post.instance, post.space, waiting, end);
    this.#events.add(end + CACHE_TRIP / 2, KIND.hint, slot);
  }

  /** The pulse of the space has changed: whoever is elsewhere will see it. */
  #hint(slot: number, now: number): void {
    const { space, instance } = this.#posts[slot] as Post;
    this.#freePosts.push(slot);
    this.#nodes.serve(this.#nodeOf(space), now, this.#services.postNodePart);
    const { home, hinted } = this.#clients;
    for (const client of this.#clients.of(space)) {
      if (home[client] === instance || hinted[client] === 1) continue;
      hinted[client] = 1;
      this.#pending[home[client] ?? 0]?.push(client);
    }
  }

  #tick(instance: number, now: number): void {
    const { pairSecond, pairNodeSecond } = this.#services;
    const watched = (this.#pairs[instance] ?? 0) * PULSE_SECONDS;
    const sent = this.#cores.serve(instance, now, watched * pairSecond);
    const { nodes } = this.#load;
    const part = (watched * pairNodeSecond) / nodes;
    // The keys are spread over the nodes: the answer is there when the last of them has told.
    let read = 0;
    for (let node = 0; node < nodes; node++) read = Math.max(read, this.#nodes.serve(node, now, part));
    this.#events.add(Math.max(sent, read) + CACHE_TRIP, KIND.tickBack, instance);
  }

  #lookForPending(instance: number, now: number): void {
    const clients = this.#pending[instance] ?? [];
    this.#pending[instance] = [];
    for (const client of clients) this.#clients.hinted[client] = 0;
    // Of one space they stand together: they were all hinted at once.
    let group: number[] = [];
    for (const client of this.#clients.waitingOf(clients)) {
      const [first = client] = group;
      if (this.#clients.spaceOf(first) !== this.#clients.spaceOf(client)) {
        this.#beginLook(instance, this.#clients.spaceOf(first), group, now);
        group = [];
      }
      group.push(client);
    }
    const [first] = group;
    if (first !== undefined) this.#beginLook(instance, this.#clients.spaceOf(first), group, now);
    this.#events.add(now + PULSE_SECONDS, KIND.tick, instance);
  }

  #beginLook(instance: number, space: number, clients: number[], now: number): void {
    const slot = this.#freeLooks.pop() ?? this.#looks.length;
    this.#looks[slot] = { instance, space, clients, seq: 0 };
    this.tally.looks++;
    this.#workThen(instance, now, this.#services.lookPart, KIND.look, slot);
  }

  #readSpace(slot: number, now: number): void {
    const look = this.#looks[slot] as Look;
    const done = this.#nodes.serve(this.#nodeOf(look.space), now, this.#services.lookNode);
    look.seq = this.#seq[look.space] ?? 0;
    this.#events.add(done + (3 * CACHE_TRIP) / 2, KIND.lookBack, slot);
  }

  #deliver(slot: number, now: number): void {
    const { instance, space, clients, seq } = this.#looks[slot] as Look;
    this.#freeLooks.push(slot);
    const { waiting, seen } = this.#clients;
    const told = clients.filter((client) => waiting[client] === 1 && (seen[client] ?? 0) < seq);
    const work = this.#services.lookPart + told.length * this.#services.delivery;
    const end = this.#cores.serve(instance, now, work);
    for (const client of told) {
      this.tally.answers++;
      const from = Math.max(seen[client] ?? 0, seq - REMEMBERED);
      for (let each = from + 1; each <= seq; each++) {
        this.tally.delivered(this.#times[space * REMEMBERED + (each % REMEMBERED)] ?? 0, end);
      }
      seen[client] = seq;
      waiting[client] = 0;
      this.#events.add(end + this.#load.roundTrip, KIND.poll, client);
    }
  }

  #pollAgain(client: number, now: number): void {
    const { home, waiting, missed } = this.#clients;
    waiting[client] = 1;
    if (missed[client] !== 1) return;
    missed[client] = 0;
    this.#beginLook(home[client] ?? 0, this.#clients.spaceOf(client), [client], now);
  }
}
