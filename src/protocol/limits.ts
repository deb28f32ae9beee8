/** Every bound in one place. Bytes are UTF-8 bytes unless said; times are milliseconds unless said. */

export const MAX_ID_CHARS = 128;
export const MAX_JSON_DEPTH = 32;
export const MAX_BODY_BYTES = 4 * 1024 * 1024;
export const MAX_UPDATES_PER_REQUEST = 100;

export { MAX_REGISTER_BYTES } from './register-limits.ts';
export const MAX_TEXT_BYTES = 512 * 1024;
/** A text as a JSON string. Escapes make some texts several times as long, and a record must hold them. */
export const MAX_TEXT_JSON_BYTES = 768 * 1024;
/** Edits of one operation. */
export const MAX_TEXT_EDITS = 10_000;
/** Of a text that is sent whole: what is left when common ends are taken off is compared. UTF-16 units, of either text. */
export const MAX_TEXT_DIFF_CHARS = 20_000;
/** A place of a text is reserved for who was refused there so many times in a row, for so long (memcached counts in seconds). */
export const RESERVE_AFTER_REFUSALS = 3;
export const RESERVATION_MS = 2_000;
/** Places of one refused operation that are looked at, and reserved. */
export const MAX_RESERVED_PLACES = 4;
/** Writers of one text of whom refusals in a row are counted, and how long after the last one. */
export const MAX_REFUSED_WRITERS = 8;
export const REFUSALS_KEPT_MS = 60_000;
export const MAX_SET_ELEMENT_BYTES = 1024;
/** A set as it is encoded, with its removed elements: at most so much below `MAX_RECORD_BYTES` and `MAX_ROW_BYTES` that all else has room. */
export const MAX_SET_BYTES = 840 * 1024;
/** How far the time of a client may be ahead of the server's. */
export const MAX_SET_AHEAD_MS = 60_000;

/** What a row keeps of the life after a rollback, so that an earlier one can still be made good after a second. As JSON. */
export const MAX_FOLLOWING_BYTES = 4 * 1024;

/** Any record in the cache. memcached's default item limit is 1 MiB including the key. */
export const MAX_RECORD_BYTES = 900 * 1024;
/** The head record of an item. */
export const MAX_HEAD_BYTES = 128 * 1024;
/** A value at most this large lives inside the head. */
export const MAX_INLINE_BYTES = 16 * 1024;
/** The tail inside the head is folded into a segment record beyond this. */
export const MAX_TAIL_BYTES = 32 * 1024;
/** Segment records of one head together; older ones are dropped first. */
export const MAX_SEGMENTS_BYTES = 512 * 1024;
/** Kinds that keep their history: one delta as JSON. A larger one is sent in parts. */
export const MAX_DELTA_BYTES = 32 * 1024;
/** Operations of such an item that the store lacks; with more, the next update stores them first. Below `MAX_TAIL_BYTES`. */
export const MAX_UNSTORED_BYTES = 24 * 1024;
/** Operations in the row itself; with more, all of them go to the archive. Every store write of the item carries them. */
export const MAX_ROW_TAIL_BYTES = 4 * 1024;
/** One archive record, unless a single write brings more; then at most `MAX_UNSTORED_BYTES` and one delta. */
export const MAX_ARCHIVE_BYTES = 64 * 1024;
export const MAX_ARCHIVE_OPS = 500;
/** Rollbacks of one life that are told apart. */
export const MAX_FORKS = 8;
/** Operations of one answer, as JSON. */
export const MAX_OPS_BYTES = 512 * 1024;
export const MAX_OPS_PER_ANSWER = 500;

/** A row in the store: Datastore takes 1,048,487 bytes in an unindexed property. */
export const MAX_ROW_BYTES = 1_000_000;
/** Deltas that a row holds beside a value that is stored apart: beyond them the value is stored anew. */
export const MAX_ROW_DELTA_BYTES = 16 * 1024;
/** Commits of the Datastore backend. The service takes 10 MiB, its emulator 4 MiB. */
export const MAX_COMMIT_BYTES = 3_500_000;
export const MAX_COMMIT_MUTATIONS = 500;

/** Writers remembered per item for exactly-once repeats. */
export const MAX_REMEMBERED_CLIENTS = 256;

/** Leases of locks: memcached counts in seconds. The upper bound is what the settings of a space may allow. */
export const MIN_LOCK_TTL_MS = 1_000;
export const MAX_LOCK_TTL_MS = 10 * 60_000;

export const MAX_MARKER_CHARS = 4096;
/** Items whose delivered version a marker carries itself; more of them go to a cache record the marker names. */
export const MAX_SEEN_INLINE = 200;

export const MAX_WAIT_SECONDS = 50;
export const DEFAULT_WAIT_SECONDS = 25;
/** A wait is shortened by up to this share at random, so that polls do not end together. */
export const WAIT_JITTER = 0.1;
export const DEFAULT_ITEMS_PER_ANSWER = 500;
export const MAX_ITEMS_PER_ANSWER = 500;
/** Large values of one answer together, as far as more than one goes into it; those in heads come on top. App Engine takes answers of 32 MB. */
export const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
export const MAX_IDS_IN_FILTER = 100;
export const MAX_KNOWN_IDS = 2000;

/** A stream with more than this on its way to its client is asked nothing new until all of it has left. */
export const MAX_STREAM_BUFFER_BYTES = 256 * 1024;
/** A socket whose client does not take its own answers is closed beyond this. */
export const MAX_STREAM_BACKLOG_BYTES = 1024 * 1024;
export const KEEP_ALIVE_MS = 15_000;
/** An event stream ends after this long, shortened by up to `WAIT_JITTER`: proxies often cut at 60 s. */
export const STREAM_LIFE_MS = 55_000;
/** A stream that has ended and whose client does not take the rest is cut after this. */
export const STREAM_CUT_MS = 5_000;
/** A socket whose client shows no sign of life for this long is cut. */
export const MAX_SILENCE_MS = 45_000;
/** Posts of one socket that wait for the one before; with more of them the socket is not read. */
export const MAX_WAITING_POSTS = 16;

/** Answers of this size are compressed for who takes it; smaller ones gain too little, larger ones would keep a thread for too long. */
export const MIN_CODED_BYTES = 1024;
export const MAX_CODED_BYTES = 16 * 1024 * 1024;

/** Keys of the cache; memcached takes 250 bytes. */
export const MAX_CACHE_KEY_BYTES = 200;

/** A bearer token; all headers together may have 16 KiB. */
export const MAX_TOKEN_CHARS = 8 * 1024;
/** Longer names of callers go by their hash: heads remember up to `MAX_REMEMBERED_CLIENTS` of them. */
export const MAX_PLAIN_SUBJECT_CHARS = 64;
export const MAX_SUBJECT_CHARS = 128;
/** Patterns that one token or key may carry. */
export const MAX_GRANTS = 200;
/** Subjects named in the record of one space. */
export const MAX_MEMBERS = 1000;
/** One-time tickets. */
export const TICKET_MS = 60_000;
export const MAX_TICKET_CHARS = 1024;
/** Budgets of callers are counted in windows of this length. */
export const LIMIT_WINDOW_MS = 10_000;

export const MAX_KINDS = 16;
export const MAX_KIND_CHARS = 32;

export const DEFAULT_SPACES_PER_ANSWER = 100;
export const MAX_SPACES_PER_ANSWER = 500;
const DAY_MS = 86_400_000;
/** Settings of a space, each from and to. */
export const SETTING_BOUNDS = {
  maxLocks: [1, 100],
  lockTtlMs: [1_000, 600_000],
  maxHoldMs: [1_000, DAY_MS],
  persistMs: [100, 600_000],
  leaseMs: [5_000, 600_000],
  tombstoneMs: [600_000, 365 * DAY_MS],
  clientKeepMs: [60_000, 365 * DAY_MS],
  idleKeepMs: [DAY_MS, 3_650 * DAY_MS],
  resourceKeepMs: [3_600_000, 3_650 * DAY_MS],
  quotaBytes: [0, 1024 ** 4],
} as const;

/** Clients of one space at once. */
export const MAX_CLIENTS_PER_SPACE = 2_000;
/** One of the records that hold who is here; below `MAX_RECORD_BYTES`. */
export const MAX_ROSTER_BYTES = 800 * 1024;
export const MAX_CLIENT_NAME_CHARS = 128;
/** A client's `data` as JSON. */
export const MAX_CLIENT_DATA_BYTES = 1024;
/** Changes of one client's `data`. */
export const MAX_PATCHES_PER_SECOND = 10;
/** Clients that left are told to readers who come back within this long (floor time), and while there are no more than so many of them. */
export const GONE_KEPT_MS = 600_000;
export const MAX_GONE = 500;
/** Time for a client to be late in, after its lease has ended. */
export const LEASE_GRACE_MS = 5_000;

/** A resource that passes through the server, on its way in or out: App Engine takes requests and answers of 32 MB. */
export const MAX_RESOURCE_BYTES = 32_000_000;
/** A resource that goes to the blobs past the server. */
export const MAX_DIRECT_RESOURCE_BYTES = 256 * 1024 * 1024;
/** Resources of one space. */
export const MAX_RESOURCES = 100_000;
/** Width times height of an image; looked at before anything is decoded. */
export const MAX_IMAGE_PIXELS = 40_000_000;
/** How long a signed URL may be used. */
export const SIGNED_URL_MS = 15 * 60_000;
/** Bytes of a resource that are read, and held for one reader, together. */
export const RESOURCE_PART_BYTES = 1024 * 1024;
/** A reader of a resource who takes nothing for so long is cut. */
export const RESOURCE_STALL_MS = 30_000;

/** Width and height of a picture, each. */
export const MAX_PICTURE_SIDE = 4096;
/** Larger images are not drawn: they are held as pixels. */
export const MAX_STAMP_PIXELS = MAX_PICTURE_SIDE ** 2;
export const MAX_STROKE_WIDTH = 64;
export const MAX_STROKE_POINTS = 2000;
export const MAX_PIXELS_PER_OP = 800;
/** Operations of one update of a picture, and their bytes as JSON. */
export const MAX_PICTURE_OPS = 100;
export const MAX_PICTURE_OPS_BYTES = MAX_DELTA_BYTES;
/** What drawing one update may take, in the units of kinds/picture-cost.ts: about a second. */
export const MAX_PAINT_COST = 500_000_000;
/** Operations that a picture may be ahead of its raster, and what drawing them takes; beyond them updates wait. */
export const MAX_UNFOLDED_OPS = 5_000;
export const MAX_UNFOLDED_COST = 10 * MAX_PAINT_COST;
/** Operations beside a raster in the value of a picture, and their bytes; where there are more, they are asked for by their index. */
export const MAX_VALUE_OPS = 200;
export const MAX_VALUE_OPS_BYTES = 64 * 1024;
/** Stored pictures named in one answer. */
export const MAX_PICTURES_PER_ANSWER = 500;
/** All stored pictures are kept for so long at most, and one an hour. */
export const MAX_PICTURE_KEEP_MS = 3_650 * DAY_MS;
/** Coordinates reach beyond the picture, which clips what is drawn there. */
export const MIN_COORDINATE = -4_096;
export const MAX_COORDINATE = 8_191;

/** Messages of one append to a log; as few as an archive record can still be read by. */
export const MAX_LOG_MESSAGES = 10_000;
/** Producers that a log remembers; the ones not heard for longest are forgotten first. */
export const MAX_PRODUCERS = 200;
/** Forks of one log that are there at once. */
export const MAX_FORKS_OF_LOG = 200;
/** Forks of forks: every read of a message looks through all logs between. */
export const MAX_FORK_DEPTH = 16;
/** An append of more JSON than this is stored in records of its own before the head refers to them. */
export const MAX_INLINE_APPEND_BYTES = 16 * 1024;
/** One of these records holds about so much, unless a single value is larger; that may have `MAX_LOG_VALUE_BYTES`. */
export const LOG_PART_BYTES = 256 * 1024;
export const MAX_LOG_VALUE_BYTES = 900_000;
/** What one answer of a stream brings, as far as single messages allow. */
export const STREAM_PAGE_BYTES = 512 * 1024;
export const MAX_STREAM_TTL_SECONDS = 3_650 * 86_400;
export const MAX_STREAM_HEADER_CHARS = 256;
/** A long-poll of a stream that nothing comes to ends after this. */
export const DEFAULT_STREAM_WAIT_MS = 20_000;
