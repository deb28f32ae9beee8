import { at, change, type Mutant, mutant } from './mutant.ts';

const KEEPER = 'pictures/picture-keeper';

export const PICTURE_MUTANTS: readonly Mutant[] = [
  mutant(
    'putAwayUnderSomebody',
    'Before a raster goes it is looked once more whether somebody is back.',
    at('pictures', 44),
    change(KEEPER, ' || !(await isStillEmpty())', ''),
  ),
  mutant(
    'putAwayUndrawn',
    'A raster goes only if nobody has drawn since it was stored.',
    at('pictures', 1),
    change(KEEPER, 'if (now.v !== head.v || !', 'if (!'),
  ),
  mutant(
    'putAwayUnstored',
    'A raster goes only when its last picture is stored.',
    at('pictures', 1),
    change(
      KEEPER,
      'if (newest?.index !== head.index || replacedFrom(head, newest.lineage) !== undefined) {',
      'if (newest === undefined) {',
    ),
  ),
  mutant(
    'broughtBack',
    'What was put away is not brought back into the cache by an instance that had drawn on it.',
    at('pictures', 1),
    change(KEEPER, 'if (await this.#isPutAway(kept)) return kept.index === index;', ''),
  ),
  mutant(
    'storedTooSoon',
    'A picture is stored only when the store has its operations.',
    at('pictures', 14),
    change(KEEPER, "if (!(await isStored(deps, space.id, item, head, version))) return 'wait';", ''),
  ),
  mutant(
    'pointerBack',
    'The pointer moves up alone.',
    at('pictures', 1),
    change('pictures/picture-files', 'decodePointer(stands.bytes).version >= pointer.version', 'pointer.version < 0'),
  ),
  mutant(
    'pointerUnguarded',
    'The pointer moves only from where it was seen.',
    at('pictures', 5),
    change(
      'pictures/picture-files',
      "{ contentType: 'application/json', ifGeneration });",
      "{ contentType: ifGeneration && 'application/json' });",
    ),
  ),
  mutant(
    'thinnedAbovePointer',
    'Only versions below that of the pointer are thinned out.',
    at('pictures', 1),
    change('pictures/picture-thinner', '(pictureOf(name)?.version ?? newest) < newest', 'pictureOf(name) && newest'),
  ),
  mutant(
    'rasterUnguarded',
    'A raster takes the place of the one that it was made from, and of no other.',
    at('pictures', 113),
    change(
      'pictures/rasters',
      "await this.#cache.cas(key, bytes, before.token).then((cas) => (cas.status === 'stored' ? cas.token : undefined))",
      'await this.#cache.set(key, bytes).then(() => before.token)',
    ),
  ),
  mutant(
    'droppedUnguarded',
    'Only the raster that was looked at is dropped.',
    at('pictures', 1),
    change(
      'pictures/rasters',
      'this.#cache.delete(rasterKey(space, item), token)))',
      'this.#cache.delete(rasterKey(space, item))))',
    ),
  ),
  mutant(
    'tilesInPlace',
    'A tile that changes is written under a new name.',
    at('pictures', 1),
    change('pictures/fold-picture', 'const fresh = random.id();', 'const fresh = name ?? random.id();'),
    change('pictures/fold-picture', 'if (name !== undefined) old.push(name);', ''),
  ),
  mutant(
    'lostTilesPassedOver',
    'Nothing is drawn onto a raster that lacks a tile.',
    at('pictures', 1),
    change('pictures/fold-picture', 'if (entry === undefined) return undefined;', 'if (entry === undefined) continue;'),
  ),
  mutant(
    'drawnOnThoughReplaced',
    'A raster with operations that a rollback took is not gone on from.',
    at('pictures', 1),
    change('pictures/folding', 'read.replaced !== undefined || ground', 'ground'),
  ),
  mutant(
    'sentAsStored',
    'A picture is sent as it is stored only where nothing came after.',
    at('pictures', 1),
    change('pictures/folding', 'if (batch.ops.length === 0 && ground.png && file)', 'if (ground.png && file)'),
  ),
];
