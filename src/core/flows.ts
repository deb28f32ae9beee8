import { LRUCache } from 'lru-cache';
import type { SpaceId } from '../protocol/ids.ts';
import { Answers } from './answers.ts';
import { Dirtiness } from './dirtiness.ts';
import type { Answer, Engine } from './engine-types.ts';
import { Flusher, type FlushParts } from './flusher.ts';
import { Heads } from './heads.ts';
import { openArchive } from './history/archive.ts';
import { OpsFollower } from './history/follow-ops.ts';
import { OpsReader } from './history/read-ops.ts';
import { ItemQueue } from './item-queue.ts';
import { LockFlow } from './lock-flow.ts';
import { type LockParts, Locks } from './locks.ts';
import { Markers } from './marker.ts';
import { Observer } from './observe.ts';
import type { ClientRecords } from './people-types.ts';
import { PictureReads } from './pictures/picture-reads.ts';
import { Pictures } from './pictures/pictures.ts';
import type { EngineParts } from './presence/engine-parts.ts';
import { Presence } from './presence/presence.ts';
import { RosterReader } from './presence/roster-reader.ts';
import { UpdateReader } from './read-updates.ts';
import { Renderer } from './render.ts';
import { ShardReader } from './shard-log.ts';
import type { SpaceState } from './space-state.ts';
import { IdleSpaces } from './spaces/idle-spaces.ts';
import { type SpaceDeps, settingsSource } from './spaces/settings.ts';
import { SpacesHere } from './spaces-here.ts';
import { Sweeps } from './sweeps.ts';
import { compareHere, Unfolder } from './unfold.ts';
import { Values } from './values.ts';
import { UpdateWriter } from './write-update.ts';

/** What the flows ask of the engine that they are part of. */
type Self = Pick<Engine, 'postUpdate' | 'poll'> & {
  readonly snapshot: (space: SpaceId) => Promise<Answer>;
  /** Throws where nothing new is taken any more. */
  readonly admit: () => void;
};
type Hint = (space: SpaceState) => void;

export type Flows = ReturnType<typeof openFlows>;

/** The flows, each with what it needs of the others. */
export function openFlows(deps: SpaceDeps & LockParts, parts: EngineParts, self: Self) {
  const spaces: SpacesHere = new SpacesHere(deps, () => reader);
  const hint: Hint = (state) => spaces.hint(state);
  const space = (id: string): SpaceState => spaces.use(id).state;
  // Locks ask who is here, and whoever leaves is asked for their locks: each meets the other only later.
  const records: ClientRecords = deps.clients ?? {
    hold: (...asked) => clients.hold(...asked),
    heldBy: (...asked) => clients.heldBy(...asked),
    revise: (...asked) => clients.revise(...asked),
    drop: (...asked) => clients.drop(...asked),
  };
  const items = openItems(deps, records, hint);
  const { values, heads, dirtiness, opsReader, pictures, writer } = items;
  const unfolder = new Unfolder(deps, heads, values, deps.compare ?? compareHere);
  const post = { deps, writer, dirtiness, queue: new ItemQueue(), unfolder, hint };
  const locks = new LockFlow(post);
  const clients: Presence = new Presence({
    deps,
    settings: settingsSource(deps),
    locks,
    ...parts,
    space,
    hint,
    snapshot: self.snapshot,
    admit: self.admit,
    beforeDropping: async (id, isStillEmpty) => pictures?.tidy(space(id), isStillEmpty),
  });
  const markers = new Markers(deps.config.secrets);
  const reader = openReader(deps, items, clients, markers);
  return {
    spaces,
    dirtiness,
    clients,
    pictures,
    post,
    locks,
    markers,
    reader,
    opsReader,
    readItem: { deps, heads, values, pictures },
    pictureReads: new PictureReads({ pictures, space, admit: self.admit }),
    ops: new OpsFollower({ deps, reader: opsReader, space, poll: self.poll }),
    ...openStoring(deps, items, { spaces, hint, clients, idle: new IdleSpaces(deps, self) }),
  };
}

type Items = ReturnType<typeof openItems>;

/** What stands in the cache, and what changes it. */
function openItems(deps: SpaceDeps, clients: ClientRecords, hint: Hint) {
  const values = new Values(deps);
  const dirtiness = new Dirtiness(deps);
  const heads = new Heads(deps, values, dirtiness);
  const headOf = async (space: SpaceState, item: string) => (await heads.forWrite(space, item, true)).held.head;
  const locks = new Locks(deps, { clients, settings: settingsSource(deps) }, headOf);
  const archive = openArchive(deps);
  const opsReader = new OpsReader({ deps, heads, values, files: archive?.files });
  const pictures = deps.painting && new Pictures(deps, opsReader, deps.painting);
  const writer = new UpdateWriter(deps, values, heads, locks, pictures);
  const recommit = async (space: SpaceState, item: string): Promise<number> => {
    const written = await writer.write(space, { item, now: deps.clock.now() });
    hint(space);
    return written.done ? written.version : 0;
  };
  heads.recommit = recommit;
  return { values, dirtiness, heads, archive, opsReader, pictures, writer, recommit };
}

function openReader(deps: SpaceDeps, { values, heads, pictures }: Items, clients: Presence, markers: Markers) {
  const shards = new ShardReader();
  const observer = new Observer(deps, heads, shards, new RosterReader(deps, clients));
  const answers = new Answers(deps, new Renderer(values, heads, pictures), markers);
  return new UpdateReader({ deps, observer, answers }, shards);
}

type Here = {
  readonly spaces: SpacesHere;
  readonly hint: Hint;
  readonly clients: Presence;
  readonly idle: IdleSpaces;
};

/** What goes to the store later, from here and from whoever is not here any more. */
function openStoring(deps: SpaceDeps, items: Items, { spaces, hint, clients, idle }: Here) {
  const { values, heads, dirtiness, archive, pictures, recommit } = items;
  const close: FlushParts = { deps, values, heads, dirtiness, hint };
  const flusher = new Flusher(close, recommit);
  const sweeps = new Sweeps({
    deps,
    items: {
      ...close,
      recommit,
      space: (id) => spaces.use(id).state,
      knownSpaces: () => spaces.states,
      sightings: new LRUCache({ max: 10_000 }),
    },
    clients,
    idle,
    spaces,
    lifeEnds: [pictures, archive?.files].filter((one) => one !== undefined),
    rest: [...(archive?.sweeps ?? []), ...(pictures?.sweeps ?? [])],
  });
  return { flusher, sweeps };
}
